"""Splatsmith for scripts; the panel's operators call nothing else.

    from bl_ext.user_default.splatsmith import api

    chair = api.generate("a wooden chair")
    boat = api.generate(picture="boat.png", placing=api.Placing(location=(2, 0, 0), size=0.5))
    api.batch("prompts.txt")
    statue = api.extract(bpy.context.object, extraction=api.ExtractionOptions(face_budget=50_000))

Works in Blender's window, in `blender --background` and in the bpy module. The backend is started
on first use and ends with Blender. Everything here belongs on the main thread.
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
from .control_map import Guide as Guide  # a part of a recipe, for scripts
from .generation_settings import Recipe
from .images import Picture, name_of, read_picture
from .importing.files import (
    Asset,
    Placing,
    grid,
    import_files,
    read_origin,
    request_of,
    title_of_splats,
)
from .importing.post_import import Finish
from .job_tracker import Desk, Ending, Wish
from .link.snapshot import LinkSettings, Snapshot
from .online_access import check_online, default_settings
from .scene.provenance import mark_asset, read_mark
from .scene.quads import add_quads
from .scene.splats import cloud_of, copy_splats
from .scene.transform_snapshot import stance_of

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class BatchReport:
    """How a batch went: the assets in the scene and, by the item's name, what failed and why."""

    assets: tuple[Asset, ...]
    failures: Mapping[str, SplatsmithError]


PLAIN, DEFAULTS, AT_CURSOR, AS_MADE = Recipe(), ExtractionOptions(), Placing(), Finish()

_desk = Desk()


def generate(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    name: str = "",
    recipe: Recipe = PLAIN,
    placing: Placing = AT_CURSOR,
    finish: Finish = AS_MADE,
) -> Asset:
    """Make an asset, wait for it and import it. Ctrl+C cancels the job.

    Raises:
        SplatsmithError: what was wrong, and what to do.
    """
    return wait_for(
        submit(prompt, picture, name=name, recipe=recipe, placing=placing, finish=finish)
    )


def submit(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    name: str = "",
    recipe: Recipe = PLAIN,
    placing: Placing = AT_CURSOR,
    finish: Finish = AS_MADE,
) -> str:
    """Order an asset and return at once with the order's key, for `wait_for`.

    Without anyone waiting, `poll` imports it when it is done; the panel calls that by itself.

    Raises:
        InvalidRequest: a picture cannot be read, or the guide has no faces.
    """
    request = GenerateRequest(
        prompt=prompt,
        engine=recipe.engine,
        variant=recipe.variant,
        parameters=dict(recipe.parameters),
        products=recipe.products,
        extraction=recipe.extraction,
        name=name or ("" if prompt.strip() else name_of(picture)),
        turntables=recipe.turntables,
    )
    image = {} if picture is None else {ConditionKind.IMAGE: read_picture(picture)}
    return _the_desk().submit(request, image | recipe.leading(), Wish(placing, finish))


def extract(
    splats: bpy.types.Object,
    products: Collection[Product] = (Product.MESH,),
    *,
    extraction: ExtractionOptions = DEFAULTS,
    finish: Finish = AS_MADE,
) -> Asset:
    """Take a mesh or points from a splat object, whoever made it, and wait for them.

    They are named after the splats and stand as those do when the results arrive.

    Raises:
        SplatsmithError: what was wrong, and what to do.
    """
    return wait_for(submit_extraction(splats, products, extraction=extraction, finish=finish))


def submit_extraction(
    splats: bpy.types.Object,
    products: Collection[Product] = (Product.MESH,),
    *,
    extraction: ExtractionOptions = DEFAULTS,
    finish: Finish = AS_MADE,
) -> str:
    """Order mesh or points of a splat object and return at once with the order's key.

    Raises:
        NoSplats: the object has no splats to give, or is being edited.
    """
    values = copy_splats(splats)
    known, made = read_mark(splats), ""
    first = request_of(splats)
    if first is not None and isinstance(first, GenerateRequest):
        made = json.dumps(to_json(replace(first, extraction=extraction)), ensure_ascii=False)
    wish = Wish(stance_of(splats), finish, made, known.engine if known else "")
    name = title_of_splats(splats.name)
    request = ExtractRequest("", tuple(products), extraction, name)
    return _the_desk().submit_extraction(request, lambda: cloud_of(values), wish)


def make_quads(mesh: bpy.types.Object, face_count: int = 0) -> bpy.types.Object:
    """Remesh a mesh object to some `face_count` quads, coloured as it is; it is then hidden.

    0 is half as many quads as it has triangles. Takes some seconds.

    Raises:
        NoMesh: the object is no mesh with faces, or is being edited.
    """
    return add_quads(mesh, face_count)


def wait_for(key: str) -> Asset:
    """Wait for the order `key` and import it.

    Raises:
        SplatsmithError: why there is no asset; `Cancelled` if somebody stopped it.
    """
    ending = _await(key)
    if ending.asset is None:
        raise KeyError(f"The order {key!r} was a download, which makes no asset.")
    return ending.asset


def import_asset(source: Path | str, *, name: str = "", placing: Placing = AT_CURSOR) -> Asset:
    """Import a folder of results, or a single splat PLY, points PLY or GLB file.

    Raises:
        SplatsmithError: there is nothing to import, or it cannot be read.
    """
    path = Path(bpy.path.abspath(str(source)))
    return import_files(path, tuple(Product), read_origin(path, name), placing)


def batch(
    source: Path | str,
    *,
    recipe: Recipe = PLAIN,
    placing: Placing = AT_CURSOR,
    finish: Finish = AS_MADE,
) -> BatchReport:
    """Make all assets of a prompts file, a CSV table or a folder of pictures, laid out in a grid.

    An item that fails leaves its place empty, and the batch goes on.

    Raises:
        InvalidRequest: `source` holds nothing to make.
    """
    assets: list[Asset] = []
    failures: dict[str, SplatsmithError] = {}
    keys = submit_batch(source, recipe=recipe, placing=placing, finish=finish)
    for item, key in keys.items():
        try:
            assets.append(wait_for(key))
        except SplatsmithError as error:
            failures[item] = error
    return BatchReport(tuple(assets), failures)


def submit_batch(
    source: Path | str,
    *,
    recipe: Recipe = PLAIN,
    placing: Placing = AT_CURSOR,
    finish: Finish = AS_MADE,
) -> dict[str, str]:
    """Order a batch and return at once with the orders' keys, by the items' names.

    Raises:
        InvalidRequest: `source` holds nothing to make.
    """
    items = read_batch(Path(bpy.path.abspath(str(source))))
    places = grid(len(items), placing)
    return {
        item.name: _submit_item(item, recipe, place, finish)
        for item, place in zip(items, places, strict=True)
    }


def _submit_item(item: BatchItem, recipe: Recipe, placing: Placing, finish: Finish) -> str:
    """A row's own maps take the place of all that would lead it otherwise."""
    maps = dict(item.pictures)
    picture = maps.pop(ConditionKind.IMAGE, None)
    own = replace(recipe, parameters={**recipe.parameters, **item.parameters})
    if maps:
        own = replace(own, guide=None, maps=maps)
    try:
        return submit(
            item.prompt, picture, name=item.name, recipe=own, placing=placing, finish=finish
        )
    except SplatsmithError as error:
        return _the_desk().note_failure(error)


# Jobs and the backend


def poll() -> list[Ending]:
    """Import what has finished since the last call, without waiting."""
    return _the_desk().poll()


def snapshot() -> Snapshot:
    """The backend's state, the engines and the jobs, as of now."""
    return _the_desk().session.snapshot


def cancel(job: str) -> None:
    """Stop a job, by its id or its order's key; one that has ended stays as it is."""
    _the_desk().session.cancel(job)


def remove(job: str) -> None:
    """Forget a job and its files; what was imported of it stays."""
    _the_desk().session.remove(job)


def retry(job: str) -> str:
    """Order a job's request again; returns the new order's key.

    Raises:
        OnlineAccessDenied: it is a download, and Blender is set to stay offline.
    """
    for each in snapshot().jobs:
        if each.id == job and each.kind is JobKind.DOWNLOAD:
            return submit_download(from_json(DownloadRequest, each.request))
    return _the_desk().retry(job)


def import_job(job: str) -> str:
    """Have a finished job imported at the cursor, as the order whose key is returned."""
    return _the_desk().fetch(job)


def files_of(job: str) -> Path:
    """The folder with all files of a finished job: its turntables are there, too.

    Raises:
        NotFound: they were not fetched; `import_job` does so.
    """
    return _the_desk().fetched_files(job)


def install() -> None:
    """Make the backend's environment: a download of some gigabytes. Returns at once.

    Raises:
        OnlineAccessDenied: Blender is set to stay offline.
    """
    check_online()
    _the_desk().session.install()


def download(request: DownloadRequest) -> None:
    """Fetch checkpoints and wait for them.

    Raises:
        SplatsmithError: what was wrong, and what to do.
    """
    _await(submit_download(request))


def submit_download(request: DownloadRequest) -> str:
    """Order checkpoints and return at once with the order's key.

    Raises:
        OnlineAccessDenied: Blender is set to stay offline.
    """
    check_online()
    return _the_desk().submit_download(request)


def start() -> None:
    """Start the backend. Returns at once."""
    _the_desk().session.start()


def stop() -> None:
    """Stop the backend, or an installation. Jobs under way go on at the next start."""
    _the_desk().session.stop()


def dismiss_problem() -> None:
    """Forget the last problem with the backend."""
    _the_desk().session.forget_problem()


def configure(settings: LinkSettings) -> None:
    """Use `settings` from now on; a backend that was started with other ones is stopped."""
    _desk.configure(settings)


def shutdown() -> None:
    """Stop the backend and wait for its end. Also happens when Blender ends."""
    _desk.close()


# Assets in the scene


def offer_as_asset(obj: bpy.types.Object) -> None:
    """Show `obj` in the asset browser, with its prompt and its own picture."""
    known, request = read_mark(obj), request_of(obj)
    picture = snapshot().previews.get(known.job) if known else None
    prompt = request.prompt if isinstance(request, GenerateRequest) else ""
    mark_asset(obj, prompt, picture, ("Splatsmith",))


def pictures_of(request: GenerateRequest) -> dict[ConditionKind, Path]:
    """The files of the pictures in `request`, by role; those that were sent from elsewhere lack."""
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
