"""The demo: splats, meshes and points of a prompt and a picture, rendered in a studio scene.

python -m blender_addon.demo [--prompt TEXT] [--image FILE] [--out DIR]     (in Blender's Python)
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

from . import api
from .contract.problems import SplatsmithError
from .contract.protocol import Product
from .importing.files import Asset
from .scene import studio

PROMPT = "a wooden chair"
PICTURE = Path(__file__).with_name("demo_picture.png")
PICTURE_TITLE = "a red mushroom"

COLUMNS = (Product.SPLATS, Product.MESH, Product.POINTS)
COLUMN_METRES, ROW_METRES, STEP_METRES = 1.35, 1.3, 0.8
YAW = math.radians(30)
LABEL_METRES = 0.17
RESOLUTION = (1200, 800)
RENDER_SECONDS = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        run(options.prompt, options.image, options.out.resolve())
    except SplatsmithError as error:
        print_line(f"The demo stopped: {error}")
        return 1
    except OSError as error:
        print_line(
            f"The demo stopped: {error.strerror}: {error.filename}. Choose a folder with --out."
        )
        return 1
    finally:
        api.shutdown()
    return 0


def run(prompt: str, picture: Path, out: Path) -> None:
    """Generate both assets, arrange and render them, and write all files to the folder `out`.

    Raises:
        SplatsmithError: a generation failed.
        OSError: `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.app.debug_value = 1  # the glTF importer then logs nothing but errors
    print_line(f"Making two assets: {prompt!r}, and one from the picture {picture.name}")
    assets = make_assets(prompt, picture)
    folders = [out / name for name in folder_names([asset.name for asset in assets])]
    files = [path for each in zip(assets, folders, strict=True) for path in copy_artifacts(*each)]
    blend, image = out / "demo.blend", out / "demo.png"
    print_line("Arranging them in a studio")
    arrange([asset.objects for asset in assets])
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False, compress=True)
    print_line(f"Rendering with Cycles, {RENDER_SECONDS} seconds at most")
    studio.render(bpy.context.scene, image, RENDER_SECONDS)
    print_line("Done. The files:")
    for path in (*files, blend, image):
        print_line(f"  {path}")


def make_assets(prompt: str, picture: Path) -> list[Asset]:
    """Submit both jobs, print their stages and wait for them.

    Raises:
        SplatsmithError: a generation failed.
    """
    placement = api.Placement((0.0, 0.0, 0.0), 1.0)
    title = PICTURE_TITLE if picture == PICTURE else picture.stem
    keys = [
        api.submit(prompt, placement=placement),
        api.submit(picture=picture, name=title, placement=placement),
    ]
    ended: set[str] = set()
    printed: set[str] = set()
    while not ended.issuperset(keys):
        time.sleep(api.POLL_SECONDS)
        ended.update(job.key for job in api.poll())
        _print_stages(printed)
    return [api.wait_for(key) for key in keys]


def folder_names(titles: Sequence[str]) -> list[str]:
    """A distinct folder name for each title."""
    names = [re.sub(r"\W+", "_", title)[:60].strip("_") or "asset" for title in titles]
    earlier = [names[:i].count(name) for i, name in enumerate(names)]
    return [f"{n}_{count + 1}" if count else n for n, count in zip(names, earlier, strict=True)]


def copy_artifacts(asset: Asset, folder: Path) -> list[Path]:
    """Copy an asset's files into `folder`; returns the copies."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted(path for path in asset.source.iterdir() if path.is_file())
    return [Path(shutil.copy(path, folder / path.name)) for path in sources]


def arrange(rows: Sequence[dict[Product, bpy.types.Object]]) -> None:
    """Arrange the products in columns, the assets in rows, each a step higher, in a studio."""
    scene = bpy.context.scene
    for row, objects in enumerate(rows):
        for column, product in enumerate(COLUMNS):
            location = Vector((_column_x(column), row * ROW_METRES, row * STEP_METRES))
            _rotate_and_move(objects[product], location)
    half = _column_x(len(COLUMNS) - 1) + 0.6
    lower = Vector((-half, -0.85, 0))
    upper = Vector((half, (len(rows) - 1) * ROW_METRES + 0.6, (len(rows) - 1) * STEP_METRES + 1.0))
    scene.render.resolution_x, scene.render.resolution_y = RESOLUTION
    collection = studio.build_studio(scene, lower, upper)
    for row in range(1, len(rows)):
        edge = row * ROW_METRES - 0.65
        studio.add_step(collection, (-half - 0.2, edge), (half + 0.2, upper.y), row * STEP_METRES)
    for column, product in enumerate(COLUMNS):
        studio.add_label(collection, product.value, (_column_x(column), -0.75, 0.0), LABEL_METRES)


def print_line(text: str) -> None:
    """Print a line to the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _rotate_and_move(obj: bpy.types.Object, location: Vector) -> None:
    """Rotate an object at the world's origin towards the camera, and move it to `location`."""
    rotation = Matrix.Rotation(YAW, 4, "Z")
    obj.location = location + rotation @ obj.location
    obj.rotation_euler = rotation.to_euler()


def _column_x(column: int) -> float:
    return (column - (len(COLUMNS) - 1) / 2) * COLUMN_METRES


def _print_stages(printed: set[str]) -> None:
    """Print the jobs' current stages that are not in `printed` yet."""
    for job in api.snapshot().jobs:
        line = f"  {job.title}: {job.stage}"
        if job.stage and line not in printed:
            printed.add(line)
            print_line(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompt", default=PROMPT, metavar="TEXT", help=f'default: "{PROMPT}"')
    parser.add_argument("--image", default=PICTURE, type=Path, metavar="FILE")
    parser.add_argument("--out", default=Path("out"), type=Path, metavar="DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
