"""Imports a job's result files, or files from other programs, as objects of the scene."""

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
from ..scene.provenance import Provenance, read_provenance, write_provenance
from ..scene.splats import add_splats
from ..scene.transform_snapshot import TransformSnapshot
from .placement import asset_collection, place_objects

SPLATS_SUFFIX = re.compile(r"\.splats(\.\d+)?$")
_GRID_SPACING = 1.5  # times the assets' size
MAX_NAME_BYTES = 48  # Blender 4 cuts names at 63 bytes; a suffix and a number must fit


@dataclass(frozen=True)
class Placement:
    """Where an asset is put on the ground, and its longest edge in metres.

    location: None is the 3D cursor's.
    """

    location: tuple[float, float, float] | None = None
    size: float = 1.0

    def resolve(self) -> Placement:
        """This placement with the cursor's present location filled in."""
        return Placement(self.current_location(), self.size)

    def current_location(self) -> tuple[float, float, float]:
        """The location, or the cursor's present one."""
        if self.location is not None:
            return self.location
        x, y, z = bpy.context.scene.cursor.location
        return x, y, z


@dataclass(frozen=True)
class Origin:
    """The title and provenance of an asset; empty for files of other programs."""

    title: str
    request: str = ""
    engine: str = ""
    job: str = ""


@dataclass(frozen=True)
class Asset:
    """An imported asset: its objects by product, and the file or folder they came from.

    quads: the mesh remeshed to quads, if that was requested.
    """

    name: str
    objects: dict[Product, bpy.types.Object]
    source: Path
    job: str = ""
    quads: bpy.types.Object | None = None


def find_files(source: Path) -> dict[Product, Path]:
    """The splats, mesh and points in a folder, or the single file itself, by product.

    Raises:
        InvalidRequest: there are none.
        UnreadableCloud: a PLY file is damaged.
    """
    if source.is_dir():
        files = {product: source / name for product, name in PRODUCT_FILES.items()}
        found = {product: path for product, path in files.items() if path.is_file()}
    elif source.is_file():
        found = {_detect_product(source): source}
    else:
        found = {}
    if not found:
        raise InvalidRequest(
            f"There is no asset at {source}.",
            f"It needs one of {', '.join(PRODUCT_FILES.values())}.",
        )
    return found


def read_record(source: Path, title: str = "") -> Origin:
    """The origin recorded in the job.json beside the files, if there is one."""
    folder = source if source.is_dir() else source.parent
    record = folder / JOB_RECORD
    if not record.is_file():
        return Origin(title or source.stem)
    request = json.loads(record.read_text(encoding="utf-8")).get("request", {})
    title = title or request.get("name") or request.get("prompt") or source.stem
    return Origin(title, json.dumps(request, ensure_ascii=False), request.get("engine", ""))


def read_request(obj: bpy.types.Object) -> GenerateRequest | ExtractRequest | None:
    """The request that `obj` was made from; None if it is not from Splatsmith.

    What was extracted from a generated object has that object's request with its own options.
    """
    provenance = read_provenance(obj)
    if provenance is None or not provenance.request:
        return None
    members = json.loads(provenance.request)
    return from_json(ExtractRequest if "cloud" in members else GenerateRequest, members)


def import_files(
    source: Path, wanted: Collection[Product], origin: Origin, placement: Placement
) -> Asset:
    """Add the `wanted` files at `source` to the scene with one common transform.

    The splats, if there are any, determine it even where they are not wanted themselves.

    Raises:
        InvalidRequest: there are no such files.
        SplatsmithError: a file cannot be read; the scene is left as it was.
    """
    files = find_files(source)
    cloud = read_cloud(files[Product.SPLATS]) if Product.SPLATS in files else None
    collection = asset_collection(bpy.context.scene, datablock_name(origin.title))
    try:
        objects = _add_all(_select(files, wanted), cloud, origin, collection)
    except BaseException:
        bpy.data.collections.remove(collection)
        raise
    measure = cloud or _bounding_cloud(_corners(next(iter(objects.values()))))
    place_objects(list(objects.values()), measure, placement.current_location(), placement.size)
    return Asset(origin.title, objects, source, origin.job)


def import_with_transform(
    source: Path, wanted: Collection[Product], origin: Origin, transform: TransformSnapshot
) -> Asset:
    """Add the `wanted` files at `source` with the present name and transform of their splats.

    If the splats were deleted, `transform` is used as it is.

    Raises:
        InvalidRequest, SplatsmithError: as in `import_files`.
    """
    transform = transform.updated()
    origin = replace(origin, title=asset_title(transform.name))
    files = _select(find_files(source), wanted)
    objects = _add_all(files, None, origin, transform.find_collection())
    for obj in objects.values():
        transform.apply_to(obj)
    return Asset(origin.title, objects, source, origin.job)


def grid_placements(count: int, placement: Placement) -> list[Placement]:
    """A square grid, row by row, from `placement` along +X and +Y."""
    x, y, z = placement.current_location()
    columns = math.ceil(math.sqrt(count))
    step = _GRID_SPACING * placement.size
    return [
        Placement((x + step * (i % columns), y + step * (i // columns), z), placement.size)
        for i in range(count)
    ]


def asset_title(name: str) -> str:
    """The name of a splat object without its suffix `.splats`."""
    return SPLATS_SUFFIX.sub("", name) or name


def datablock_name(title: str) -> str:
    """`title` on one line, shortened to what Blender's names can hold."""
    line = " ".join(title.split())
    if len(line.encode()) <= MAX_NAME_BYTES:
        return line or "Asset"
    cut = line.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return cut.rpartition(" ")[0] or cut


def _detect_product(file: Path) -> Product:
    if file.suffix.lower() in (".glb", ".gltf"):
        return Product.MESH
    names = open_vertices(file).names
    return Product.POINTS if "red" in names and "opacity" not in names else Product.SPLATS


def _select(files: Mapping[Product, Path], wanted: Collection[Product]) -> dict[Product, Path]:
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
            name = f"{datablock_name(origin.title)}.{product.value}"
            objects[product] = _add(product, file, cloud, name, collection)
    except BaseException:
        for obj in objects.values():
            bpy.data.objects.remove(obj)
        raise
    for product, obj in objects.items():
        write_provenance(obj, Provenance(origin.request, origin.job, origin.engine, product.value))
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


def _corners(obj: bpy.types.Object) -> NDArray[np.float32]:
    """The corners [8, 3] of an object's bounding box, in the asset frame."""
    x, y, z = np.array(obj.bound_box, np.float32).T
    return np.stack([x, z, -y], axis=1)


def _bounding_cloud(positions: NDArray[np.float32]) -> GaussianCloud:
    """A cloud with the extent of `positions`, to place a mesh or points without splats."""
    count = len(positions)
    return GaussianCloud(
        means=positions,
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        scales=np.zeros((count, 3), np.float32),
        opacities=np.ones(count, np.float32),
        sh0=np.zeros((count, 3), np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )
