"""Shows the panel once, after the add-on was enabled for the first time."""

from __future__ import annotations

import bpy

from .preferences import preferences
from .sidebar import SidebarPanel

RETRY_SECONDS = 0.5


def show_panel() -> float | None:
    """Open the viewport's sidebar on the add-on's tab; the seconds until it has to be called again.

    A sidebar that was never drawn has no tabs yet: that takes two calls.
    """
    chosen = preferences()
    if chosen is None or chosen.has_shown_panel:
        return None
    areas = [a for w in bpy.context.window_manager.windows for a in w.screen.areas]
    view = next((area for area in areas if area.type == "VIEW_3D"), None)
    if view is None:
        return RETRY_SECONDS
    if not view.spaces.active.show_region_ui:
        view.spaces.active.show_region_ui = True
        return RETRY_SECONDS
    sidebar = next(region for region in view.regions if region.type == "UI")
    try:
        sidebar.active_panel_category = SidebarPanel.bl_category
    except (AttributeError, TypeError):  # it was not drawn yet
        return RETRY_SECONDS
    chosen.has_shown_panel = True
    return None


def register() -> None:
    if not bpy.app.background:
        bpy.app.timers.register(show_panel, first_interval=RETRY_SECONDS)


def unregister() -> None:
    if bpy.app.timers.is_registered(show_panel):
        bpy.app.timers.unregister(show_panel)
