"""Pictures of jobs for the panel's list: thumbnails of results, and of what is being made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy.utils.previews

from ..contract.wire import PreviewImage
from ..link.tracked_job import TrackedJob

Collection = bpy.utils.previews.ImagePreviewCollection

UNFINISHED = "unfinished"

_thumbnails: Collection | None = None  # by job
_unfinished: dict[str, tuple[PreviewImage, Collection]] = {}  # by job; freed one by one


def load_thumbnails(jobs: Iterable[TrackedJob]) -> None:
    """Load the pictures that are new. Not to be called while drawing."""
    assert _thumbnails is not None
    for job in jobs:
        if job.preview is not None and job.key not in _thumbnails:
            _thumbnails.load(job.key, str(job.preview), "IMAGE")
        loaded, _ = _unfinished.get(job.key, (None, None))
        if job.unfinished is not loaded:
            _free_unfinished(job.key)
        if job.unfinished is not None and job.key not in _unfinished:
            _unfinished[job.key] = job.unfinished, _load_unfinished(job.unfinished)


def thumbnail(job: TrackedJob) -> bpy.types.ImagePreview | None:
    """A job's loaded picture; while it runs, of its unfinished result."""
    assert _thumbnails is not None
    if job.key in _unfinished:
        return _unfinished[job.key][1][UNFINISHED]
    return _thumbnails.get(job.key)


def thumbnail_icon(job: TrackedJob) -> int:
    """The icon id of a job's picture; 0 without one."""
    picture = thumbnail(job)
    return picture.icon_id if picture else 0


def _load_unfinished(image: PreviewImage) -> Collection:
    collection = bpy.utils.previews.new()
    with TemporaryDirectory(prefix="splatsmith-") as folder:
        file = Path(folder) / UNFINISHED
        file.write_bytes(image.content)
        # Reading the size loads the picture, which Blender would do later otherwise.
        _ = collection.load(UNFINISHED, str(file), "IMAGE").image_size[:]
    return collection


def _free_unfinished(job: str) -> None:
    if job in _unfinished:
        _, collection = _unfinished.pop(job)
        bpy.utils.previews.remove(collection)


def register() -> None:
    global _thumbnails
    _thumbnails = bpy.utils.previews.new()


def unregister() -> None:
    global _thumbnails
    bpy.utils.previews.remove(_thumbnails)
    _thumbnails = None
    for job in list(_unfinished):
        _free_unfinished(job)
