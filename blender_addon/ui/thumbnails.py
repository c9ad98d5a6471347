"""Thumbnails of finished jobs for the panel's list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import bpy.utils.previews

_previews: bpy.utils.previews.ImagePreviewCollection | None = None


def load_thumbnails(files: Mapping[str, Path]) -> None:
    """Load the new ones of `files`, by job id. Not to be called while drawing."""
    assert _previews is not None
    for job, path in files.items():
        if job not in _previews:
            _previews.load(job, str(path), "IMAGE")


def thumbnail_icon(job: str) -> int:
    """The icon id of a job's thumbnail; 0 without one."""
    assert _previews is not None
    return _previews[job].icon_id if job in _previews else 0


def register() -> None:
    global _previews
    _previews = bpy.utils.previews.new()


def unregister() -> None:
    global _previews
    bpy.utils.previews.remove(_previews)
    _previews = None
