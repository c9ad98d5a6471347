"""The pulse of the panel: what happens on the main thread a few times a second.

Timers never fire in the background or in the bpy module, and one left behind keeps Blender from
ending; scripts wait with `api.wait_for` instead.
"""

from __future__ import annotations

import logging

import bpy

from .. import api
from ..link.snapshot import Snapshot
from .properties import show_engines
from .thumbnails import show_previews

log = logging.getLogger(__name__)

PULSE_SECONDS = 0.25
AREA = "VIEW_3D"

_last: Snapshot | None = None


def pulse() -> float:
    """Import what is ready, learn of engines and pictures, and redraw if anything changed."""
    global _last
    if may_change_scene():
        for ending in api.poll():
            if ending.asset is not None:
                push_undo_step(f"Splatsmith: {ending.asset.name}")
            elif ending.error is not None:
                log.info("an order ended without an asset: %s", ending.error)
    now = api.snapshot()
    show_engines(now.engines)
    show_previews(now.previews)
    if now != _last:
        _last = now
        redraw()
    return PULSE_SECONDS


def may_change_scene() -> bool:
    """Whether an import would get in nobody's way: not while editing, moving or rendering."""
    windows = bpy.context.window_manager.windows
    moving = any(
        o.bl_idname.startswith("TRANSFORM_OT_") for w in windows for o in w.modal_operators
    )
    rendering = bpy.app.is_job_running("RENDER")
    return bpy.context.mode == "OBJECT" and not moving and not rendering


def push_undo_step(message: str) -> None:
    """Close the import with an undo step of its own, or the next Ctrl+Z would take it away."""
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
        bpy.app.timers.register(pulse, first_interval=PULSE_SECONDS, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(pulse):
        bpy.app.timers.unregister(pulse)
