"""Thumbnails of finished jobs for the panel's list."""

from __future__ import annotations

from collections.abc import Iterable

import bpy.utils.previews

from ..link.tracked_job import TrackedJob

_previews: bpy.utils.previews.ImagePreviewCollection | None = None


def load_thumbnails(jobs: Iterable[TrackedJob]) -> None:
    """Load the previews that are not loaded yet. Not to be called while drawing."""
    assert _previews is not None
    for job in jobs:
        if job.preview is not None and job.key not in _previews:
            _previews.load(job.key, str(job.preview), "IMAGE")


def thumbnail_icon(job: TrackedJob) -> int:
    """The icon id of a job's thumbnail; 0 without one."""
    assert _previews is not None
    return _previews[job.key].icon_id if job.key in _previews else 0


def register() -> None:
    global _previews
    _previews = bpy.utils.previews.new()


def unregister() -> None:
    global _previews
    bpy.utils.previews.remove(_previews)
    _previews = None
