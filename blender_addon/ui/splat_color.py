"""The color adjustment of splats: operators, and its section of the splats' panel."""

from __future__ import annotations

import bpy

from ..api import splat_tools as tools
from .api_operator import progress_cursor, use_property_split
from .selection_operators import selected_splats
from .splat_editing import SelectedSplatsOperator
from .splat_panel import Section, add_section, remove_section


class SPLATSMITH_OT_adjust_colors(SelectedSplatsOperator, bpy.types.Operator):
    bl_idname = "splatsmith.adjust_colors"
    bl_label = "Adjust Colors"
    bl_description = (
        "Give each of the selected splats a brightness, contrast, saturation, tint and opacity of "
        "its own"
    )

    def call_api(self, context: bpy.types.Context) -> None:
        tools.enable_color_adjustment(selected_splats(context))


class SPLATSMITH_OT_bake_colors(SelectedSplatsOperator, bpy.types.Operator):
    bl_idname = "splatsmith.bake_colors"
    bl_label = "Bake Colors into Splats"
    bl_description = (
        "Write the adjusted colors and opacities of the selected splats into their data, for "
        "export, and set the inputs back"
    )

    def call_api(self, context: bpy.types.Context) -> None:
        with progress_cursor(context) as show:
            tools.bake_color_adjustment(selected_splats(context), on_progress=show)


def draw_section(
    layout: bpy.types.UILayout, _context: bpy.types.Context, splats: bpy.types.Object
) -> None:
    layout = use_property_split(layout)
    inputs = tools.color_inputs(splats)
    if not inputs:
        layout.operator("splatsmith.adjust_colors", icon="COLOR")
        return
    for each in inputs:
        layout.prop(each.owner, each.member, text=each.name)
    if tools.shares_color_adjustment(splats):
        layout.label(text="Other objects share these.", icon="INFO")
        layout.operator("splatsmith.adjust_colors", text="Make Single User")
    layout.operator("splatsmith.bake_colors", icon="RENDER_STILL")


SECTION = Section("Colors", 30, draw_section)
CLASSES = (SPLATSMITH_OT_adjust_colors, SPLATSMITH_OT_bake_colors)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)
    add_section(SECTION)


def unregister() -> None:
    remove_section(SECTION)
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
