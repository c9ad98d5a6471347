"""What the node groups of splat objects show in the viewport, beside the draw handler.

Where the draw handler draws splats, the nodes show an invisible volume that can be picked and is
outlined when selected. Where a viewport is in Rendered shading, Cycles or EEVEE draw their
ellipsoids; all viewports share the nodes' result.
"""

from __future__ import annotations

import bpy

from ..scene import appearance
from .settings import ViewportSettings


def update_node_display(settings: ViewportSettings) -> None:
    """Set the node groups' inputs for the shadings of the open viewports, where they differ."""
    set_node_display(settings.draws_splats and not _any_viewport_rendered())


def set_node_display(hidden: bool) -> None:
    """Hide the ellipsoids of all splat objects of this file in viewports, or show them."""
    for obj in bpy.data.objects:
        modifier = appearance.find_splat_modifier(obj)
        if modifier is not None and obj.library is None:
            appearance.hide_in_viewport(modifier, hidden)


def _any_viewport_rendered() -> bool:
    return any(
        space.shading.type == "RENDERED"
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        if area.type == "VIEW_3D"
        for space in area.spaces
        if space.type == "VIEW_3D"
    )
