"""The scripting interface; the operators call nothing else.

    from bl_ext.user_default.splatsmith import api

    chair = api.generate("a wooden chair")
    boat = api.generate(picture="boat.png", placement=api.Placement(location=(2, 0, 0), size=0.5))
    api.batch("prompts.txt")
    statue = api.extract(bpy.context.object, extraction=api.ExtractionOptions(face_budget=50_000))

Works in Blender's window, in `blender --background` and in the bpy module. The backend is started
on first use and ends with Blender. Call all of this on the main thread.
"""

from __future__ import annotations

import atexit
import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from .contract.batches import BatchItem, read_batch
from .contract.cards import ConditionKind
from .contract.jsonable import from_json, to_json
from .contract.problems import SplatsmithError
from .contract.protocol import (
    DownloadRequest,
    ExtractionOptions,
    ExtractRequest,
    GenerateRequest,
    JobKind,
    Product,
)
from .generation_settings import GenerationSettings
from .importing.files import (
    Asset,
    Placement,
    asset_title,
    grid_placements,
    import_files,
    read_record,
    read_request,
)
from .importing.post_import import PostImport
from .job_tracker import Desk, Ending, Wish
from .link.snapshot import BackendSettings, SessionSnapshot
from .online_access import check_online, default_settings
from .scene.asset_browser import add_to_asset_browser
from .scene.control_map import ControlMap as ControlMap  # for scripts
from .scene.images import Picture, picture_name, read_picture
from .scene.provenance import read_provenance
from .scene.quads import add_quads
from .scene.splats import cloud_from_attributes, copy_splat_attributes
from .scene.transform_snapshot import snapshot_transform

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class BatchReport:
    """The imported assets of a batch and, by the item's name, the errors of the others."""

    assets: tuple[Asset, ...]
    failures: Mapping[str, SplatsmithError]


DEFAULT_SETTINGS, DEFAULT_EXTRACTION = GenerationSettings(), ExtractionOptions()
AT_CURSOR, AS_IMPORTED = Placement(), PostImport()

_desk = Desk()


def generate(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    name: str = "",
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
) -> Asset:
    """Generate an asset, wait for it and import it. Ctrl+C cancels the job.

    Raises:
        SplatsmithError: the job failed; says why and what to do.
    """
    return wait_for(
        submit(
            prompt,
            picture,
            name=name,
            settings=settings,
            placement=placement,
            post_import=post_import,
        )
    )


def submit(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    name: str = "",
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
) -> str:
    """Submit a generation and return its key at once, for `wait_for`.

    Without `wait_for`, `poll` imports it when it is done; the panel's timer calls that.

    Raises:
        InvalidRequest: a picture cannot be read, or the control map has no faces.
    """
    request = GenerateRequest(
        prompt=prompt,
        engine=settings.engine,
        variant=settings.variant,
        parameters=dict(settings.parameters),
        products=settings.products,
        extraction=settings.extraction,
        name=name or ("" if prompt.strip() else picture_name(picture)),
        turntables=settings.turntables,
    )
    image = {} if picture is None else {ConditionKind.IMAGE: read_picture(picture)}
    return _the_desk().submit(
        request, image | settings.control_pictures(), Wish(placement, post_import)
    )


def extract(
    splats: bpy.types.Object,
    products: Collection[Product] = (Product.MESH,),
    *,
    extraction: ExtractionOptions = DEFAULT_EXTRACTION,
    post_import: PostImport = AS_IMPORTED,
) -> Asset:
    """Extract a mesh or points from a splat object, from whatever program, and wait for them.

    They get the name and the transform that the splats have when the results arrive.

    Raises:
        SplatsmithError: the job failed; says why and what to do.
    """
    return wait_for(
        submit_extraction(splats, products, extraction=extraction, post_import=post_import)
    )


def submit_extraction(
    splats: bpy.types.Object,
    products: Collection[Product] = (Product.MESH,),
    *,
    extraction: ExtractionOptions = DEFAULT_EXTRACTION,
    post_import: PostImport = AS_IMPORTED,
) -> str:
    """Submit an extraction and return its key at once.

    Raises:
        NoSplats: the object has no splats, or is being edited.
    """
    values = copy_splat_attributes(splats)
    known, made = read_provenance(splats), ""
    first = read_request(splats)
    if first is not None and isinstance(first, GenerateRequest):
        made = json.dumps(to_json(replace(first, extraction=extraction)), ensure_ascii=False)
    wish = Wish(snapshot_transform(splats), post_import, made, known.engine if known else "")
    name = asset_title(splats.name)
    request = ExtractRequest("", tuple(products), extraction, name)
    return _the_desk().submit_extraction(request, lambda: cloud_from_attributes(values), wish)


def remesh_to_quads(mesh: bpy.types.Object, face_count: int = 0) -> bpy.types.Object:
    """Remesh a mesh object to about `face_count` quads with its colours, and hide it.

    A `face_count` of 0 is half the number of triangles. Takes some seconds.

    Raises:
        NoMesh: the object has no faces, or is being edited.
    """
    return add_quads(mesh, face_count)


def wait_for(key: str) -> Asset:
    """Wait for the job `key` and import its results.

    Raises:
        SplatsmithError: the job failed; `Cancelled` if it was cancelled.
    """
    ending = _await(key)
    if ending.asset is None:
        raise KeyError(f"The order {key!r} was a download, which makes no asset.")
    return ending.asset


def import_asset(source: Path | str, *, name: str = "", placement: Placement = AT_CURSOR) -> Asset:
    """Import a folder of results, or a single splat PLY, points PLY or GLB file.

    Raises:
        SplatsmithError: there is nothing to import, or it cannot be read.
    """
    path = Path(bpy.path.abspath(str(source)))
    return import_files(path, tuple(Product), read_record(path, name), placement)


def batch(
    source: Path | str,
    *,
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
) -> BatchReport:
    """Generate all items of a prompts file, a CSV table or a folder of pictures, in a grid.

    The place of an item that fails stays empty, and the batch goes on.

    Raises:
        InvalidRequest: `source` has no items.
    """
    assets: list[Asset] = []
    failures: dict[str, SplatsmithError] = {}
    keys = submit_batch(source, settings=settings, placement=placement, post_import=post_import)
    for item, key in keys.items():
        try:
            assets.append(wait_for(key))
        except SplatsmithError as error:
            failures[item] = error
    return BatchReport(tuple(assets), failures)


def submit_batch(
    source: Path | str,
    *,
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
) -> dict[str, str]:
    """Submit a batch and return the jobs' keys at once, by the items' names.

    Raises:
        InvalidRequest: `source` has no items.
    """
    items = read_batch(Path(bpy.path.abspath(str(source))))
    places = grid_placements(len(items), placement)
    return {
        item.name: _submit_item(item, settings, place, post_import)
        for item, place in zip(items, places, strict=True)
    }


def _submit_item(
    item: BatchItem, settings: GenerationSettings, placement: Placement, post_import: PostImport
) -> str:
    """Submit one row; its own control maps replace those of `settings`."""
    maps = dict(item.pictures)
    picture = maps.pop(ConditionKind.IMAGE, None)
    own = replace(settings, parameters={**settings.parameters, **item.parameters})
    if maps:
        own = replace(own, control_map=None, maps=maps)
    try:
        return submit(
            item.prompt,
            picture,
            name=item.name,
            settings=own,
            placement=placement,
            post_import=post_import,
        )
    except SplatsmithError as error:
        return _the_desk().note_failure(error)


# Jobs and the backend


def poll() -> list[Ending]:
    """Import what has finished since the last call, without waiting."""
    return _the_desk().poll()


def snapshot() -> SessionSnapshot:
    """The state of the backend, its engines and jobs."""
    return _the_desk().session.snapshot


def cancel(job: str) -> None:
    """Cancel a job, by its key or id; a job that has ended stays as it is."""
    _the_desk().session.cancel(job)


def remove(job: str) -> None:
    """Delete a job and its files; imported objects stay."""
    _the_desk().session.remove(job)


def retry(job: str) -> str:
    """Submit a job's request again; returns the new job's key.

    Raises:
        OnlineAccessDenied: it is a download, and Blender is set to stay offline.
    """
    for each in snapshot().jobs:
        if each.id == job and each.kind is JobKind.DOWNLOAD:
            return submit_download(from_json(DownloadRequest, each.request))
    return _the_desk().retry(job)


def import_job(job: str) -> str:
    """Import a finished job again, at the cursor; returns the key for `wait_for`."""
    return _the_desk().fetch(job)


def result_folder(job: str) -> Path:
    """The folder with all files of a finished job, turntables included.

    Raises:
        NotFound: they were not downloaded; `import_job` does so.
    """
    return _the_desk().fetched_files(job)


def install() -> None:
    """Create the backend's environment: a download of some gigabytes. Returns at once.

    Raises:
        OnlineAccessDenied: Blender is set to stay offline.
    """
    check_online()
    _the_desk().session.install()


def download(request: DownloadRequest) -> None:
    """Download checkpoints and wait for them.

    Raises:
        SplatsmithError: the job failed; says why and what to do.
    """
    _await(submit_download(request))


def submit_download(request: DownloadRequest) -> str:
    """Submit a download of checkpoints and return its key at once.

    Raises:
        OnlineAccessDenied: Blender is set to stay offline.
    """
    check_online()
    return _the_desk().submit_download(request)


def start() -> None:
    """Start the backend. Returns at once."""
    _the_desk().session.start()


def stop() -> None:
    """Stop the backend, or an installation. Unfinished jobs go on at the next start."""
    _the_desk().session.stop()


def dismiss_problem() -> None:
    """Clear the last problem of the backend."""
    _the_desk().session.clear_problem()


def configure(settings: BackendSettings) -> None:
    """Use `settings` from now on; a backend started with other ones is stopped."""
    _desk.configure(settings)


def shutdown() -> None:
    """Stop the backend and wait until it has ended. Also called when Blender ends."""
    _desk.close()


# Assets in the scene


def mark_as_asset(obj: bpy.types.Object) -> None:
    """Add `obj` to the asset browser, with its prompt and preview picture."""
    provenance, request = read_provenance(obj), read_request(obj)
    picture = snapshot().previews.get(provenance.job) if provenance else None
    prompt = request.prompt if isinstance(request, GenerateRequest) else ""
    add_to_asset_browser(obj, prompt, picture, ("Splatsmith",))


def find_pictures(request: GenerateRequest) -> dict[ConditionKind, Path]:
    """The files of the pictures in `request`, by role, as far as they were sent from here."""
    kept = {role: _the_desk().kept_picture(upload) for role, upload in request.pictures.items()}
    return {role: path for role, path in kept.items() if path is not None}


def _await(key: str) -> Ending:
    try:
        while (ending := _the_desk().take(key)) is None:
            time.sleep(POLL_SECONDS)
            poll()
    except KeyboardInterrupt:
        cancel(key)
        raise
    if ending.error is not None:
        raise ending.error
    return ending


def _the_desk() -> Desk:
    if not _desk.is_configured:
        _desk.configure(default_settings())
    return _desk


atexit.register(shutdown)
