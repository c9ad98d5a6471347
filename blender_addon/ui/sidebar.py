"""What the panels in the 3D viewport's sidebar share."""

from __future__ import annotations

import bpy

from .text_wrapping import wrap_text

PIXELS_PER_CHARACTER = 7.2
MARGIN_PIXELS = 60


class SidebarPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Splatsmith"


def draw_wrapped_text(layout: bpy.types.UILayout, context: bpy.types.Context, text: str) -> None:
    """Draw `text` as several labels, since labels do not wrap."""
    pixels = (context.region.width - MARGIN_PIXELS) / context.preferences.system.ui_scale
    column = layout.column(align=True)
    for line in wrap_text(text, max(16, int(pixels / PIXELS_PER_CHARACTER))):
        column.label(text=line)
