"""Files of a finished job, or of anyone else, become objects in the scene."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.artifacts import JOB_RECORD, PRODUCT_FILES
from ..contract.cloud import GaussianCloud, read_cloud
from ..contract.jsonable import from_json
from ..contract.ply import open_vertices
from ..contract.points import read_points
from ..contract.problems import InvalidRequest
from ..contract.protocol import ExtractRequest, GenerateRequest, Product
from ..scene.appearance import raise_transparent_bounces
from ..scene.mesh import add_mesh
from ..scene.points import add_points
from ..scene.provenance import Mark, read_mark, write_mark
from ..scene.splats import add_splats
from ..scene.transform_snapshot import Stance
from .placement import asset_collection, place

SPLATS_NAME = re.compile(r"\.splats(\.\d+)?$")
_GRID_SPACING = 1.5  # times the assets' size
MAX_NAME_BYTES = 48  # Blender 4 cuts names at 63 bytes; a suffix and a number must fit


@dataclass(frozen=True)
class Placing:
    """Where an asset rests, and its longest edge in metres; no location is the 3D cursor's."""

    location: tuple[float, float, float] | None = None
    size: float = 1.0

    def resolved(self) -> Placing:
        """This placing with the location that it has at this moment."""
        return Placing(self.spot(), self.size)

    def spot(self) -> tuple[float, float, float]:
        """The location, or the cursor's of this moment."""
        if self.location is not None:
            return self.location
        x, y, z = bpy.context.scene.cursor.location
        return x, y, z


@dataclass(frozen=True)
class Origin:
    """What an asset remembers of its making; empty for files from elsewhere."""

    title: str
    request: str = ""
    engine: str = ""
    job: str = ""


@dataclass(frozen=True)
class Asset:
    """An imported asset: its objects by product, and the file or folder they came from.

    quads: the mesh once more, remeshed, where that was asked for.
    """

    name: str
    objects: dict[Product, bpy.types.Object]
    source: Path
    job: str = ""
    quads: bpy.types.Object | None = None


def find_files(source: Path) -> dict[Product, Path]:
    """The splats, mesh and points in a folder, or the one that a single file is.

    Raises:
        InvalidRequest: there is nothing of the kind.
        UnreadableCloud: a PLY file is damaged.
    """
    if source.is_dir():
        files = {product: source / name for product, name in PRODUCT_FILES.items()}
        found = {product: path for product, path in files.items() if path.is_file()}
    elif source.is_file():
        found = {_product_of(source): source}
    else:
        found = {}
    if not found:
        raise InvalidRequest(
            f"There is no asset at {source}.",
            f"It needs one of {', '.join(PRODUCT_FILES.values())}.",
        )
    return found


def read_origin(source: Path, title: str = "") -> Origin:
    """What job.json beside the files says of their making."""
    folder = source if source.is_dir() else source.parent
    record = folder / JOB_RECORD
    if not record.is_file():
        return Origin(title or source.stem)
    request = json.loads(record.read_text(encoding="utf-8")).get("request", {})
    title = title or request.get("name") or request.get("prompt") or source.stem
    return Origin(title, json.dumps(request, ensure_ascii=False), request.get("engine", ""))


def request_of(obj: bpy.types.Object) -> GenerateRequest | ExtractRequest | None:
    """The request that `obj` was made from; None if Splatsmith did not make it.

    What was extracted from a generated object remembers that one's request, with its own options.
    """
    known = read_mark(obj)
    if known is None or not known.request:
        return None
    members = json.loads(known.request)
    return from_json(ExtractRequest if "cloud" in members else GenerateRequest, members)


def import_files(
    source: Path, wanted: Collection[Product], origin: Origin, placing: Placing
) -> Asset:
    """Add the `wanted` files at `source` to the scene, all in one place, marked with their origin.

    The cloud, if there is one, decides the place even where it is not wanted itself.

    Raises:
        InvalidRequest: there are no such files.
        SplatsmithError: a file cannot be read; the scene is left as it was.
    """
    files = find_files(source)
    cloud = read_cloud(files[Product.SPLATS]) if Product.SPLATS in files else None
    collection = asset_collection(bpy.context.scene, shorten(origin.title))
    try:
        objects = _add_all(_chosen(files, wanted), cloud, origin, collection)
    except BaseException:
        bpy.data.collections.remove(collection)
        raise
    measure = cloud or _stand_in(_positions(next(iter(objects.values()))))
    place(list(objects.values()), measure, placing.spot(), placing.size)
    return Asset(origin.title, objects, source, origin.job)


def import_beside(
    source: Path, wanted: Collection[Product], origin: Origin, stance: Stance
) -> Asset:
    """Add the `wanted` files at `source` where the splats that they were extracted from stand now.

    They take the splats' name as well. Where the splats are gone: where they last stood.

    Raises:
        InvalidRequest, SplatsmithError: as in `import_files`.
    """
    stance = stance.now()
    origin = replace(origin, title=title_of_splats(stance.name))
    files = _chosen(find_files(source), wanted)
    objects = _add_all(files, None, origin, stance.find_collection())
    for obj in objects.values():
        stance.give(obj)
    return Asset(origin.title, objects, source, origin.job)


def grid(count: int, placing: Placing) -> list[Placing]:
    """A square of places, row by row, beginning at `placing` and going along +X and +Y."""
    x, y, z = placing.spot()
    columns = math.ceil(math.sqrt(count))
    step = _GRID_SPACING * placing.size
    return [
        Placing((x + step * (i % columns), y + step * (i // columns), z), placing.size)
        for i in range(count)
    ]


def title_of_splats(name: str) -> str:
    """The asset's title in the name of its splat object; any other name as it is."""
    return SPLATS_NAME.sub("", name) or name


def shorten(title: str) -> str:
    """`title` on one line, cut to what Blender's names can hold."""
    line = " ".join(title.split())
    if len(line.encode()) <= MAX_NAME_BYTES:
        return line or "Asset"
    cut = line.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return cut.rpartition(" ")[0] or cut


def _product_of(file: Path) -> Product:
    if file.suffix.lower() in (".glb", ".gltf"):
        return Product.MESH
    names = open_vertices(file).names
    return Product.POINTS if "red" in names and "opacity" not in names else Product.SPLATS


def _chosen(files: Mapping[Product, Path], wanted: Collection[Product]) -> dict[Product, Path]:
    return {product: file for product, file in files.items() if product in wanted}


def _add_all(
    files: Mapping[Product, Path],
    cloud: GaussianCloud | None,
    origin: Origin,
    collection: bpy.types.Collection,
) -> dict[Product, bpy.types.Object]:
    objects: dict[Product, bpy.types.Object] = {}
    try:
        for product, file in files.items():
            name = f"{shorten(origin.title)}.{product.value}"
            objects[product] = _add(product, file, cloud, name, collection)
    except BaseException:
        for obj in objects.values():
            bpy.data.objects.remove(obj)
        raise
    for product, obj in objects.items():
        write_mark(obj, Mark(origin.request, origin.job, origin.engine, product.value))
    if Product.SPLATS in objects:
        raise_transparent_bounces(bpy.context.scene)
    return objects


def _add(
    product: Product,
    file: Path,
    cloud: GaussianCloud | None,
    name: str,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    match product:
        case Product.SPLATS:
            return add_splats(cloud or read_cloud(file), name, collection)
        case Product.MESH:
            return add_mesh(file, name, collection)
        case Product.POINTS:
            return add_points(read_points(file), name, collection)


def _positions(obj: bpy.types.Object) -> NDArray[np.float32]:
    """An object's corners in the asset frame: Blender's z is its y."""
    x, y, z = np.array(obj.bound_box, np.float32).T
    return np.stack([x, z, -y], axis=1)


def _stand_in(positions: NDArray[np.float32]) -> GaussianCloud:
    """A cloud with the extent of `positions`, to place a mesh or points that came without one."""
    count = len(positions)
    return GaussianCloud(
        means=positions,
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        scales=np.zeros((count, 3), np.float32),
        opacities=np.ones(count, np.float32),
        sh0=np.zeros((count, 3), np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )
