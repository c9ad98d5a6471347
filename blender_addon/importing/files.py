"""Imports a job's result files, or files from other programs, as objects of the scene."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ..contract.artifacts import JOB_RECORD, PRODUCT_FILES
from ..contract.camera_path import CameraPath
from ..contract.cloud import GaussianCloud, LoadedCloud, load_cloud, read_cloud
from ..contract.file_names import path_title
from ..contract.job_records import read_record
from ..contract.jsonable import from_json
from ..contract.licences import Licence, commercial_use_of
from ..contract.ply import open_vertices
from ..contract.points import read_points
from ..contract.problems import InvalidRequest
from ..contract.protocol import ExtractRequest, GenerateRequest, Product
from ..contract.splat_columns import is_splats
from ..contract.transform import Y_UP_TO_Z_UP
from ..contract.up_axis import UpAxis
from ..scene.appearance import raise_transparent_bounces
from ..scene.asset_collections import add_asset_collection, remove_asset_collection
from ..scene.cameras import add_camera
from ..scene.georeference import write_origin
from ..scene.mesh import add_mesh, scale_mesh
from ..scene.native_splats import harmonics_notes
from ..scene.points import add_points, points_bounds
from ..scene.provenance import Provenance, read_provenance, write_provenance
from ..scene.splats import IS_NATIVE, add_splats
from ..scene.transform_snapshot import TransformSnapshot
from .placement import AssetFit, Fitting, Placement, fit_to_file, object_bounds

MAX_NAME_BYTES = 48  # Blender 4 cuts names at 63 bytes; a suffix and a number must fit
_SPLATS_SUFFIX = re.compile(r"\.splats(\.\d+)?$")


@dataclass(frozen=True)
class AssetFiles:
    """The files of an asset by product, with its title and where they are from.

    source: the folder, or the single file.
    camera_path: of a scene, which is put where its picture's camera was.
    up: which axis of the splat file points up; None is what it says, or Y.
    """

    source: Path
    paths: Mapping[Product, Path]
    title: str
    provenance: Provenance = Provenance()
    camera_path: CameraPath | None = None
    up: UpAxis | None = None

    def only(self, products: Collection[Product]) -> AssetFiles:
        """These files without those of other products."""
        return replace(self, paths={p: path for p, path in self.paths.items() if p in products})


@dataclass(frozen=True)
class Asset:
    """An imported asset: its objects by product, and the file or folder they came from.

    quads: the mesh remeshed to quads, if that was requested.
    camera: of a scene, where its picture was taken, animated along its path.
    notes: sentences for the user on what was left out or mended in the files, or is not shown as it
        is there.
    """

    name: str
    objects: dict[Product, bpy.types.Object]
    source: Path
    job: str = ""
    quads: bpy.types.Object | None = None
    camera: bpy.types.Object | None = None
    notes: tuple[str, ...] = ()


def find_files(source: Path, title: str = "") -> AssetFiles:
    """The splats, mesh and points in a folder, or the single file itself.

    Title and provenance are those of the job.json beside them, if there is one.

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
    return _read_record(AssetFiles(source, found, title))


def read_request(obj: bpy.types.Object) -> GenerateRequest | ExtractRequest | None:
    """The request that `obj` was made from; None if it is not from Splatsmith.

    What was extracted from a generated object has that object's request with its own options.
    """
    provenance = read_provenance(obj)
    if provenance is None or not provenance.request:
        return None
    members = json.loads(provenance.request)
    return from_json(ExtractRequest if "cloud" in members else GenerateRequest, members)


def import_files(files: AssetFiles, products: Collection[Product], placement: Placement) -> Asset:
    """Add the files of `products` to the scene, with the asset's size in their data.

    The splats, if there are any, determine it even if they are not among `products`; else the mesh,
    else the points. What has a camera path keeps its units, with the picture's camera at the
    placement's location.

    Raises:
        SplatsmithError: a file cannot be read; the scene is left as it was.
    """
    loaded = _load_splats(files)
    cloud, notes = (loaded.cloud, loaded.notes) if loaded else (None, ())
    origin = Y_UP_TO_Z_UP @ loaded.origin if loaded else np.zeros(3)
    fitting = Fitting(placement, _given_fit(files, placement, origin))
    collection = add_asset_collection(bpy.context.scene, datablock_name(files.title))
    try:
        with fitting.measuring(cloud):
            objects = _add_objects(files.only(products), cloud, fitting, collection)
    except BaseException:
        remove_asset_collection(collection)
        raise
    for obj in objects.values():
        obj.location = fitting.fit.location
        if origin.any():
            write_origin(obj, origin.tolist())
    if Product.SPLATS in objects and IS_NATIVE:
        notes = (*notes, *harmonics_notes(cloud))
    asset = Asset(files.title, objects, files.source, files.provenance.job, notes=notes)
    if files.camera_path is None:
        return asset
    name, place = f"{datablock_name(files.title)}.camera", placement.current_location()
    return replace(asset, camera=add_camera(files.camera_path, name, place, collection))


def import_with_transform(
    files: AssetFiles, products: Collection[Product], transform: TransformSnapshot
) -> Asset:
    """Add the files of `products` with the present name and transform of their splats.

    If the splats were deleted, `transform` is used as it is.

    Raises:
        SplatsmithError: as in `import_files`.
    """
    transform = transform.updated()
    files = replace(files.only(products), title=asset_title(transform.name))
    fitting = Fitting(Placement(), AssetFit(1.0, (0.0, 0.0, 0.0)))  # the splats have their size
    objects = _add_objects(files, None, fitting, transform.find_collection())
    for obj in objects.values():
        transform.apply_to(obj)
    return Asset(files.title, objects, files.source, files.provenance.job)


def asset_title(name: str) -> str:
    """The name of a splat object without its suffix `.splats`."""
    return _SPLATS_SUFFIX.sub("", name) or name


def datablock_name(title: str) -> str:
    """`title` on one line, shortened to what Blender's names can hold."""
    line = " ".join(title.split())
    if len(line.encode()) <= MAX_NAME_BYTES:
        return line or "Asset"
    cut = line.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return cut.rpartition(" ")[0] or cut


def _read_record(files: AssetFiles) -> AssetFiles:
    """The files with the title and the provenance of the job.json beside them, if it is theirs."""
    folder = files.source if files.source.is_dir() else files.source.parent
    plain = replace(files, title=files.title or path_title(files.source))
    members = read_record(folder, (path.name for path in files.paths.values()))
    if members is None:
        return plain
    request = cast("dict[str, str]", members["request"])
    try:
        licences = from_json(dict[str, Licence], members.get("licences", {}), JOB_RECORD).values()
        path = members.get("camera_path")
        camera_path = from_json(CameraPath, path, JOB_RECORD) if path else None
    except InvalidRequest:  # of a version that writes them otherwise
        return plain
    provenance = Provenance(
        request=json.dumps(request, ensure_ascii=False),
        engine=request.get("engine", ""),
        licence="; ".join(dict.fromkeys(licence.name for licence in licences)),
        commercial_use=commercial_use_of(licences).value if licences else "",
    )
    title = files.title or request.get("name") or request.get("prompt") or plain.title
    return replace(files, title=title, provenance=provenance, camera_path=camera_path)


def _detect_product(file: Path) -> Product:
    if file.suffix.lower() in (".glb", ".gltf"):
        return Product.MESH
    return Product.SPLATS if is_splats(open_vertices(file)) else Product.POINTS


def _load_splats(files: AssetFiles) -> LoadedCloud | None:
    """The splats among `files`, if there are any."""
    path = files.paths.get(Product.SPLATS)
    if files.up is not None and set(files.paths) != {Product.SPLATS}:
        raise InvalidRequest(
            f"{files.source} is no splat file, which alone may have any axis up.",
            "Leave the axis to the file.",
        )
    return None if path is None else load_cloud(path, files.up)


def _given_fit(
    files: AssetFiles, placement: Placement, origin: NDArray[np.float64]
) -> AssetFit | None:
    """How the asset comes to its place, if that does not depend on its bounds."""
    if files.camera_path is not None:
        return AssetFit(1.0, placement.current_location())
    return fit_to_file(placement, origin) if placement.keep_place else None


def _add_objects(
    files: AssetFiles,
    cloud: GaussianCloud | None,
    fitting: Fitting,
    collection: bpy.types.Collection,
) -> dict[Product, bpy.types.Object]:
    """All of them, or after an error none. `cloud`: the splats, if they were read before."""
    objects: dict[Product, bpy.types.Object] = {}
    name = datablock_name(files.title)
    try:
        for product, path in files.paths.items():
            new_name = f"{name}.{product.value}"
            objects[product] = _add_object(product, path, cloud, fitting, new_name, collection)
    except BaseException:
        for obj in objects.values():
            bpy.data.objects.remove(obj)
        raise
    for product, obj in objects.items():
        write_provenance(obj, replace(files.provenance, product=product.value))
    if Product.SPLATS in objects and not IS_NATIVE:
        raise_transparent_bounces(bpy.context.scene)
    return objects


def _add_object(
    product: Product,
    path: Path,
    cloud: GaussianCloud | None,
    fitting: Fitting,
    name: str,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    match product:
        case Product.SPLATS:
            cloud = read_cloud(path) if cloud is None else cloud
            return add_splats(cloud, name, collection, lambda: fitting.fit.scale)
        case Product.MESH:
            mesh = add_mesh(path, name, collection)
            scale_mesh(mesh, fitting.measure(object_bounds(mesh)).scale)
            return mesh
        case Product.POINTS:
            points = read_points(path)
            return add_points(
                points, name, collection, fitting.measure(points_bounds(points)).scale
            )
