"""Batches: a generation for each prompt of a file, row of a table or picture in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bpy

from .active_session import POLL_SECONDS, get_session, wait_for_end
from .contract.batches import read_batch
from .contract.problems import SplatsmithError
from .importing.files import Asset
from .importing.placement import Placement
from .importing.post_import import PostImport
from .link.last_known import read_last_known
from .link.snapshot import BackendState
from .submission.generation_settings import GenerationSettings
from .submission.new_jobs import batch_jobs

DEFAULT_SETTINGS, AT_CURSOR, AS_IMPORTED = GenerationSettings(), Placement(), PostImport()


@dataclass(frozen=True)
class BatchSubmission:
    """The keys of a batch's jobs and, of the items that could not be submitted, the errors.

    notes: on what the batch's source holds beside its items.
    """

    keys: Mapping[str, str]
    failures: Mapping[str, SplatsmithError]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BatchReport:
    """The imported assets of a batch and, by the item's name, the errors of the others.

    notes: on what the batch's source holds beside its items.
    """

    assets: tuple[Asset, ...]
    failures: Mapping[str, SplatsmithError]
    notes: tuple[str, ...] = ()


def batch(
    source: Path | str,
    *,
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
) -> BatchReport:
    """Generate all items of a prompts file, a table or a folder of pictures, in a grid.

    The place of an item that fails stays empty, and the batch goes on.

    Raises:
        InvalidRequest: `source` has no items.
    """
    _wait_for_engines()
    assets: list[Asset] = []
    submission = submit_batch(
        source, settings=settings, placement=placement, post_import=post_import
    )
    failures = dict(submission.failures)
    for item, key in submission.keys.items():
        try:
            assets.append(wait_for_asset(key))
        except SplatsmithError as error:
            failures[item] = error
    return BatchReport(tuple(assets), failures, submission.notes)


def submit_batch(
    source: Path | str,
    *,
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
) -> BatchSubmission:
    """Submit a batch and return the jobs' keys at once, by the items' names.

    Raises:
        InvalidRequest: `source` has no items.
    """
    keys: dict[str, str] = {}
    failures: dict[str, SplatsmithError] = {}
    path = Path(bpy.path.abspath(str(source)))
    items = read_batch(path, _parameter_names(settings.engine))
    for name, job in batch_jobs(items.items, settings, placement, post_import):
        if isinstance(job, SplatsmithError):
            failures[name] = job
        else:
            keys[name] = get_session().submit(job)
    return BatchSubmission(keys, failures, items.notes)


def wait_for_asset(key: str) -> Asset:
    """Wait for the job `key` and import its results.

    Raises:
        SplatsmithError: the job failed; `Cancelled` if it was cancelled.
    """
    asset = wait_for_end(key).asset
    if not isinstance(asset, Asset):
        raise TypeError(f"The job {key!r} is a download or an export, which has no asset.")
    return asset


def _wait_for_engines() -> None:
    """Start the backend, unless it has said before what its engines take."""
    session = get_session()
    if not session.snapshot.engines:
        session.start()
    ended = (BackendState.FAILED, BackendState.NOT_INSTALLED)
    while not session.snapshot.engines and session.snapshot.state not in ended:
        session.tracker.wait(POLL_SECONDS)


def _parameter_names(engine: str) -> tuple[str, ...] | None:
    """None until a backend has said, now or before, what the engine takes."""
    session = get_session()
    cards = session.snapshot.engines or read_last_known(session.settings.last_known).engines
    return next((card.parameter_names for card in cards if card.id == engine), None)
