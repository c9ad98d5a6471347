"""The panel's settings of where a result stands, and how large it is."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, FloatProperty

from .. import api


class PlacementProperties:
    """Settings that make a `Placement`."""

    size: FloatProperty(
        name="Size",
        description="The longest edge of the asset in the scene",
        subtype="DISTANCE",
        default=1.0,
        min=0.001,
        soft_max=10.0,
    )
    at_cursor_exactly: BoolProperty(
        name="Exactly at Cursor",
        description="Put results at the 3D cursor even if something stands there. Otherwise they "
        "move aside to the nearest free ground",
    )

    def placement(self) -> api.Placement:
        """Of results that are ordered now."""
        return api.Placement(size=self.size, clear=not self.at_cursor_exactly)


def draw_placement_fields(layout: bpy.types.UILayout, settings: PlacementProperties) -> None:
    layout.prop(settings, "size")
    layout.prop(settings, "at_cursor_exactly")
