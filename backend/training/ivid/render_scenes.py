"""Pictures with true depths of one category of objects, each inside a pale sphere.

    python -m training.ivid.render_scenes OBJECTS FOLDER --category vehicle [--views 24]
        [--size 64] [--limit N]

FOLDER is what training.ivid.train takes. Objects stand at the point about which ivid's views turn,
and are seen from the front and up to --azimuth degrees beside it.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splatsmith.engines.ivid.cameras import FOV
from training.ivid.rgbd_folder import write_picture
from training.mesh_rasterizer import Framing, camera_rotation, render_view
from training.objects import Mesh, ObjectRecord, read_index, read_mesh

log = logging.getLogger(__name__)

DISTANCE = 2.8  # of the camera from an object of radius 1, so that it fills the picture
BACKDROP_RADIUS = 0.7  # of the sphere, where the camera's distance is 1
BACKDROP_SHADES = 0.78, 0.94  # sRGB, below and above
ELEVATIONS = 0.0, 25.0  # degrees
PARALLEL_FROM = 8  # objects


@dataclass(frozen=True)
class SceneOptions:
    """views: of each object. size: pixels a side. azimuth: degrees to either side of the front."""

    objects: Path
    folder: Path
    views: int
    size: int
    azimuth: float


def render_scene(
    mesh: Mesh, azimuth: float, elevation: float, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colours [size, size, 3] sRGB, and z-depths [size, size] in units of the camera's distance."""
    framing = Framing(size, DISTANCE, FOV)
    rgba, depth, _ = render_view(mesh, azimuth, elevation, framing)
    shade, distance = _backdrop(azimuth, elevation, size)
    is_empty = depth == 0
    depths = np.where(is_empty, distance, depth.astype(np.float32) / DISTANCE)
    behind = (255 - rgba[..., 3:].astype(np.float64)) * shade[..., None]
    colors = np.clip(np.rint(rgba[..., :3] + behind), 0, 255).astype(np.uint8)
    return colors, depths.astype(np.float32)


def _backdrop(
    azimuth: float, elevation: float, size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sphere's shades, 0..1, and z-depths, [size, size] each."""
    ticks = ((np.arange(size) + 0.5) / size * 2 - 1) * np.tan(np.radians(FOV) / 2)
    x, y = np.meshgrid(ticks, ticks)
    squares = x**2 + y**2 + 1
    # |z r - (0, 0, 1)| = radius, the farther of both.
    depth = (1 + np.sqrt(1 - squares * (1 - BACKDROP_RADIUS**2))) / squares
    points = np.stack([x * depth, y * depth, depth - 1], axis=-1)
    height = (points @ camera_rotation(azimuth, elevation))[..., 1].astype(np.float64)
    low, high = BACKDROP_SHADES
    return low + (high - low) * (0.5 + 0.5 * height / BACKDROP_RADIUS), depth


def _render(task: tuple[SceneOptions, ObjectRecord]) -> int:
    options, record = task
    mesh = read_mesh(options.objects, record)
    rng = np.random.default_rng(list(record.id.encode()))
    for number in range(options.views):
        azimuth = float(rng.uniform(-options.azimuth, options.azimuth))
        elevation = float(rng.uniform(*ELEVATIONS))
        file = _folder_of(record, options) / f"{record.id}-{number:03}.png"
        write_picture(file, *render_scene(mesh, azimuth, elevation, options.size))
    return options.views


def _folder_of(record: ObjectRecord, options: SceneOptions) -> Path:
    return options.folder / (record.category.replace("/", "-") or "other")


def render_category(options: SceneOptions, records: list[ObjectRecord]) -> int:
    """Render all records, on all cores; returns the number of pictures."""
    for record in records:
        _folder_of(record, options).mkdir(parents=True, exist_ok=True)
    total = _render((options, records[0]))  # compile before the workers start
    if len(records) < PARALLEL_FROM:
        return total + sum(_render((options, each)) for each in records[1:])
    with multiprocessing.get_context("spawn").Pool() as pool:
        for count in pool.imap_unordered(_render, [(options, each) for each in records[1:]], 4):
            total += count
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--category", required=True)
    parser.add_argument("--views", type=int, default=24)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--azimuth", type=float, default=60.0)
    parser.add_argument("--limit", type=int, default=None)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    records = [each for each in read_index(arguments.objects) if each.split == "train"]
    chosen = [each for each in records if each.category == arguments.category]
    if not chosen:
        known = ", ".join(sorted({each.category for each in records}))
        parser.error(f"there is no category {arguments.category!r}, but {known}")
    options = SceneOptions(
        arguments.objects, arguments.folder, arguments.views, arguments.size, arguments.azimuth
    )
    log.info("%d pictures", render_category(options, chosen[: arguments.limit]))


if __name__ == "__main__":
    main()
