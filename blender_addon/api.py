"""Splatsmith for scripts; the panel's operators call nothing else.

    from bl_ext.user_default.splatsmith import api

    chair = api.generate("a wooden chair")
    boat = api.generate(picture="boat.png", placing=api.Placing(location=(2, 0, 0), size=0.5))
    api.batch("prompts.txt")

Works in Blender's window, in `blender --background` and in the bpy module. The backend is started
on first use and ends with Blender. Everything here belongs on the main thread.
"""

from __future__ import annotations

import atexit
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import bpy

from .contract import find_backend
from .contract.batches import BatchItem, read_batch
from .contract.cards import Condition, ParameterValue
from .contract.jsonable import from_json
from .contract.problems import SplatsmithError
from .contract.protocol import DEFAULT_ENGINE, ExtractionOptions, GenerateRequest, Product
from .desk import Desk, Ending
from .importing import Asset, Placing, import_files, read_origin
from .link.snapshot import LinkSettings, Snapshot
from .pictures import Picture, name_of, read_picture
from .scene.marks import mark_asset, read_mark

POLL_SECONDS = 0.05
GRID_SPACING = 1.5  # times the assets' size


class OnlineAccessDenied(SplatsmithError):
    """Raised when a download is wanted and Blender is set to stay offline."""

    code = "online-access-denied"
    title = "Blender is offline"
    status = 403


@dataclass(frozen=True)
class Recipe:
    """What changes a result beside its prompt and picture. Empty: the engine's own defaults."""

    engine: str = DEFAULT_ENGINE
    variant: str = ""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    products: tuple[Product, ...] = tuple(Product)
    extraction: ExtractionOptions = ExtractionOptions()


@dataclass(frozen=True)
class BatchReport:
    """How a batch went: the assets in the scene and, by the item's name, what failed and why."""

    assets: tuple[Asset, ...]
    failures: Mapping[str, SplatsmithError]


PLAIN = Recipe()
AT_CURSOR = Placing()

_desk = Desk()


# Making assets


def generate(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    name: str = "",
    recipe: Recipe = PLAIN,
    placing: Placing = AT_CURSOR,
) -> Asset:
    """Make an asset, wait for it and import it. Ctrl+C cancels the job.

    Raises:
        SplatsmithError: what was wrong, and what to do.
    """
    return wait_for(submit(prompt, picture, name=name, recipe=recipe, placing=placing))


def submit(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    name: str = "",
    recipe: Recipe = PLAIN,
    placing: Placing = AT_CURSOR,
) -> str:
    """Order an asset and return at once with the order's key, for `wait_for`.

    Without anyone waiting, `poll` imports it when it is done; the panel calls that by itself.

    Raises:
        InvalidRequest: the picture cannot be read.
    """
    request = GenerateRequest(
        prompt=prompt,
        engine=recipe.engine,
        variant=recipe.variant,
        parameters=dict(recipe.parameters),
        products=recipe.products,
        extraction=recipe.extraction,
        name=name or ("" if prompt.strip() else name_of(picture)),
    )
    pictures = {} if picture is None else {Condition.IMAGE: read_picture(picture)}
    return _the_desk().submit(request, pictures, placing)


def wait_for(key: str) -> Asset:
    """Wait for the order `key` and import it.

    Raises:
        SplatsmithError: why there is no asset; `Cancelled` if somebody stopped it.
    """
    try:
        while (ending := _the_desk().take(key)) is None:
            time.sleep(POLL_SECONDS)
            poll()
    except KeyboardInterrupt:
        cancel(key)
        raise
    if ending.error is not None:
        raise ending.error
    assert ending.asset is not None
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
) -> BatchReport:
    """Make all assets of a prompts file, a CSV table or a folder of pictures, laid out in a grid.

    An item that fails leaves its place empty, and the batch goes on.

    Raises:
        InvalidRequest: `source` holds nothing to make.
    """
    assets: list[Asset] = []
    failures: dict[str, SplatsmithError] = {}
    for item, key in submit_batch(source, recipe=recipe, placing=placing).items():
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
) -> dict[str, str]:
    """Order a batch and return at once with the orders' keys, by the items' names.

    Raises:
        InvalidRequest: `source` holds nothing to make.
    """
    items = read_batch(Path(bpy.path.abspath(str(source))))
    places = _grid(len(items), placing)
    return {
        item.name: _submit_item(item, recipe, place)
        for item, place in zip(items, places, strict=True)
    }


def _submit_item(item: BatchItem, recipe: Recipe, placing: Placing) -> str:
    own = replace(recipe, parameters={**recipe.parameters, **item.parameters})
    try:
        return submit(item.prompt, item.picture, name=item.name, recipe=own, placing=placing)
    except SplatsmithError as error:
        return _the_desk().note_failure(error)


def _grid(count: int, placing: Placing) -> list[Placing]:
    """A square of places, row by row, beginning at `placing` and going along +X and +Y."""
    x, y, z = placing.spot()
    columns = math.ceil(math.sqrt(count))
    step = GRID_SPACING * placing.size
    return [
        Placing((x + step * (i % columns), y + step * (i // columns), z), placing.size)
        for i in range(count)
    ]


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
    """Order a job's request again; returns the new order's key."""
    return _the_desk().retry(job)


def import_job(job: str) -> str:
    """Have a finished job imported at the cursor, as the order whose key is returned."""
    return _the_desk().fetch(job)


def install() -> None:
    """Make the backend's environment: a download of some gigabytes. Returns at once.

    Raises:
        OnlineAccessDenied: Blender is set to stay offline.
    """
    if not bpy.app.online_access:
        raise OnlineAccessDenied(
            "Blender is set to stay offline.",
            "Allow online access in Preferences > System, then install.",
        )
    _the_desk().session.install()


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


def default_settings() -> LinkSettings:
    """The settings of a fresh installation."""
    if __package__.startswith("bl_ext."):
        folder = bpy.utils.extension_path_user(__package__, create=True)
    else:
        folder = bpy.utils.user_resource("DATAFILES", path="splatsmith", create=True)
    return LinkSettings(folder=Path(folder), backend=find_backend())


# Assets in the scene


def request_of(obj: bpy.types.Object) -> GenerateRequest | None:
    """The request that `obj` was made from; None if it was not generated."""
    known = read_mark(obj)
    if known is None or not known.request:
        return None
    return from_json(GenerateRequest, json.loads(known.request))


def offer_as_asset(obj: bpy.types.Object) -> None:
    """Show `obj` in the asset browser, with its prompt and its own picture."""
    known, request = read_mark(obj), request_of(obj)
    picture = snapshot().previews.get(known.job) if known else None
    mark_asset(obj, request.prompt if request else "", picture, ("Splatsmith",))


def picture_of(request: GenerateRequest) -> Path | None:
    """The file of the picture in `request`, if it was ordered from this machine."""
    upload = request.pictures.get(Condition.IMAGE)
    return _the_desk().kept_picture(upload) if upload else None


def _the_desk() -> Desk:
    if not _desk.is_configured:
        _desk.configure(default_settings())
    return _desk


atexit.register(shutdown)
