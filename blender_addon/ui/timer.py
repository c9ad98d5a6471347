"""The timer that imports finished jobs and redraws the panel when something has changed.

Timers never fire in the background or in the bpy module, and a registered one keeps Blender from
exiting; scripts use `api.wait_for` instead.
"""

from __future__ import annotations

import logging

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .. import api
from ..contract.protocol import ExtractRequest
from ..link.snapshot import SessionSnapshot
from .properties import show_engines
from .thumbnails import load_thumbnails
from .view_framing import show_objects

log = logging.getLogger(__name__)

TIMER_SECONDS = 0.25
AREA = "VIEW_3D"

_shown: tuple[SessionSnapshot, str] | None = None  # what was drawn last, and the hindrance


def poll_timer() -> float:
    """Import finished jobs; if anything changed, load new engines and thumbnails and redraw."""
    global _shown
    hindrance = import_hindrance()
    if not hindrance:
        for job in api.poll():
            if isinstance(job.asset, api.Asset):
                if not isinstance(job.request, ExtractRequest):  # whose splats the user chose
                    show_objects(job.asset.objects.values())
                push_undo_step(f"Splatsmith: {job.asset.name}")
            elif job.failure is not None:
                log.info("a job ended without a result: %s", job.failure)
    now = api.snapshot()
    if _shown is None or now is not _shown[0] or hindrance != _shown[1]:
        _shown = now, hindrance
        show_changes(now)
    return TIMER_SECONDS


def show_changes(now: SessionSnapshot) -> None:
    show_engines(now.engines)
    load_thumbnails(now.jobs)
    redraw()


def import_hindrance() -> str:
    """Why no import is safe now, for the panel; empty if one is.

    Not while the user edits or moves objects, or renders.
    """
    if bpy.app.is_job_running("RENDER"):
        return iface_("Comes in when the render is done")
    if bpy.context.mode != "OBJECT":
        return iface_("Comes in when you return to Object Mode")
    windows = bpy.context.window_manager.windows
    running = [o.bl_idname for window in windows for o in window.modal_operators]
    if any(name.startswith("TRANSFORM_OT_") for name in running):
        return iface_("Comes in when the transform is done")
    if any(name.startswith("SPLATSMITH_OT_") for name in running):
        return iface_("Comes in when the splats are edited")
    return ""


def push_undo_step(message: str) -> None:
    """Push an undo step for the import; otherwise the next Ctrl+Z would remove it as well."""
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        bpy.ops.ed.undo_push(message=message)


def redraw() -> None:
    """Redraw the sidebars that show the panel: a 3D view of splats takes long to draw."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == AREA and area.spaces.active.show_region_ui:
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
    _redraw_status_bar()


def _redraw_status_bar() -> None:
    """No screen lists its area."""
    workspace = bpy.context.workspace
    if workspace is not None and not bpy.app.background:
        workspace.status_text_set_internal(None)


def register() -> None:
    if not bpy.app.background:
        bpy.app.timers.register(poll_timer, first_interval=TIMER_SECONDS, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(poll_timer):
        bpy.app.timers.unregister(poll_timer)
