"""The menu Object > Splats, by which Blender's search finds the operators too."""

from __future__ import annotations

import bpy

from .selection_operators import selected_splats


class SPLATSMITH_MT_splats(bpy.types.Menu):
    bl_label = "Splats"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_menu_enum("splatsmith.add_crop_object", "shape")
        for name in ("crop_splats", "delete_floaters", "limit_splats"):
            layout.operator(f"splatsmith.{name}")
        layout.separator()
        for name in ("adjust_colors", "bake_colors"):
            layout.operator(f"splatsmith.{name}")


def draw_in_object_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if selected_splats(context):
        menu.layout.separator()
        menu.layout.menu(SPLATSMITH_MT_splats.__name__)


def register() -> None:
    bpy.utils.register_class(SPLATSMITH_MT_splats)
    bpy.types.VIEW3D_MT_object.append(draw_in_object_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object.remove(draw_in_object_menu)
    bpy.utils.unregister_class(SPLATSMITH_MT_splats)
