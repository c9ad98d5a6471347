"""Small pictures of finished jobs, for the list in the panel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import bpy.utils.previews

_previews: bpy.utils.previews.ImagePreviewCollection | None = None


def show_previews(files: Mapping[str, Path]) -> None:
    """Load the pictures, by job id, that are new. Not while drawing."""
    assert _previews is not None
    for job, path in files.items():
        if job not in _previews:
            _previews.load(job, str(path), "IMAGE")


def icon_of(job: str) -> int:
    """The icon of a job's picture for a layout; 0 without one."""
    assert _previews is not None
    return _previews[job].icon_id if job in _previews else 0


def register() -> None:
    global _previews
    _previews = bpy.utils.previews.new()


def unregister() -> None:
    global _previews
    bpy.utils.previews.remove(_previews)
    _previews = None
