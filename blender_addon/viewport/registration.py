"""Registers the draw handler with Blender, and tells it of changes."""

from __future__ import annotations

import bpy
from bpy.app import handlers

from ..scene.splats import IS_NATIVE
from .draw_handler import SplatDrawer, viewport_regions
from .node_display import set_node_display, update_node_display
from .settings import ViewportSettings

TIMER_SECONDS = 0.25

drawer = SplatDrawer()
_handle: object | None = None
_shown = drawer.settings  # for which the viewports were redrawn


def configure(settings: ViewportSettings) -> None:
    """Draw as `settings` say, from the timer's next call on.

    Blender lets no add-on see its data while it starts.
    """
    drawer.settings = settings
    if not settings.draws_splats:
        drawer.clear()


@handlers.persistent
def _on_scene_changed(_scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    geometry = [each.id.original for each in depsgraph.updates if each.is_updated_geometry]
    drawer.mark_changed(getattr(each, "data", None) or each for each in geometry)


@handlers.persistent
def _on_undone(*_arguments: object) -> None:
    drawer.mark_all_changed()


@handlers.persistent
def _on_file_change(*_arguments: object) -> None:
    drawer.clear()


@handlers.persistent
def _before_saving(*_arguments: object) -> None:
    """Files show their splats in a Blender without this add-on too."""
    set_node_display(hidden=False)


@handlers.persistent
def _after_saving(*_arguments: object) -> None:
    update_node_display(drawer.settings)


def poll_timer() -> float:
    """Follow the settings, and the shadings of viewports, of which Blender sends no message."""
    global _shown
    update_node_display(drawer.settings)
    if _shown != drawer.settings:
        _shown = drawer.settings
        for region in viewport_regions():
            region.tag_redraw()
    return TIMER_SECONDS


HANDLERS = (
    (handlers.depsgraph_update_post, _on_scene_changed),
    (handlers.frame_change_post, _on_scene_changed),
    (handlers.undo_post, _on_undone),
    (handlers.redo_post, _on_undone),
    (handlers.load_pre, _on_file_change),
    (handlers.save_pre, _before_saving),
    (handlers.save_post, _after_saving),
    (handlers.save_post_fail, _after_saving),
)


def register() -> None:
    """Does nothing in the background, where there is no viewport, and where Blender draws."""
    global _handle
    if IS_NATIVE or bpy.app.background:
        return
    _handle = bpy.types.SpaceView3D.draw_handler_add(drawer.draw, (), "WINDOW", "POST_VIEW")
    for calls, function in HANDLERS:
        calls.append(function)
    bpy.app.timers.register(poll_timer, first_interval=TIMER_SECONDS, persistent=True)


def unregister() -> None:
    global _handle
    if _handle is None:
        return
    bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
    _handle = None
    for calls, function in HANDLERS:
        calls.remove(function)
    for timer in (poll_timer, drawer.timer):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    drawer.clear()
    set_node_display(hidden=False)
