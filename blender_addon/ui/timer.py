"""The timer that imports finished jobs and redraws the panel when something has changed.

Timers never fire in the background or in the bpy module, and a registered one keeps Blender from
exiting; scripts use `api.wait_for` instead.
"""

from __future__ import annotations

import logging

import bpy

from .. import api
from ..link.snapshot import SessionSnapshot
from .properties import show_engines
from .thumbnails import load_thumbnails

log = logging.getLogger(__name__)

TIMER_SECONDS = 0.25
AREA = "VIEW_3D"

_shown: SessionSnapshot | None = None  # the last one that was drawn


def poll_timer() -> float:
    """Import finished jobs; if anything changed, load new engines and thumbnails and redraw."""
    global _shown
    if can_import():
        for job in api.poll():
            if isinstance(job.asset, api.Asset):
                push_undo_step(f"Splatsmith: {job.asset.name}")
            elif job.failure is not None:
                log.info("a job ended without a result: %s", job.failure)
    now = api.snapshot()
    if now is not _shown:
        _shown = now
        show_changes(now)
    return TIMER_SECONDS


def show_changes(now: SessionSnapshot) -> None:
    show_engines(now.engines)
    load_thumbnails(now.jobs)
    redraw()


def can_import() -> bool:
    """Whether an import is safe now: not while the user edits or moves objects, or renders."""
    windows = bpy.context.window_manager.windows
    moving = any(
        o.bl_idname.startswith("TRANSFORM_OT_") for w in windows for o in w.modal_operators
    )
    rendering = bpy.app.is_job_running("RENDER")
    return bpy.context.mode == "OBJECT" and not moving and not rendering


def push_undo_step(message: str) -> None:
    """Push an undo step for the import; otherwise the next Ctrl+Z would remove it as well."""
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        bpy.ops.ed.undo_push(message=message)


def redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == AREA:
                area.tag_redraw()


def register() -> None:
    if not bpy.app.background:
        bpy.app.timers.register(poll_timer, first_interval=TIMER_SECONDS, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(poll_timer):
        bpy.app.timers.unregister(poll_timer)
