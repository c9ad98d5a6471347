"""The menu Object > Splats, by which Blender's search finds the operators too.

It is there whatever is selected: the search looks through the menus as they are drawn.
"""

from __future__ import annotations

import bpy


class SPLATSMITH_MT_splats(bpy.types.Menu):
    bl_label = "Splats"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_REGION_WIN"
        for name in ("mesh_from_splats", "points_from_splats", "quads_from_mesh"):
            layout.operator(f"splatsmith.{name}")
        layout.separator()
        for name in ("apply_transform", "join_splats", "repair_splats", "make_splats_native"):
            layout.operator(f"splatsmith.{name}")
        layout.separator()
        layout.operator_menu_enum("splatsmith.add_crop_object", "shape")
        for name in ("crop_splats", "delete_floaters", "limit_splats"):
            layout.operator(f"splatsmith.{name}")
        layout.separator()
        for name in ("adjust_colors", "bake_colors", "again", "offer_as_asset"):
            layout.operator(f"splatsmith.{name}")
        layout.separator()
        layout.operator("splatsmith.export_splats")


def draw_in_object_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.menu(SPLATSMITH_MT_splats.__name__)


def register() -> None:
    bpy.utils.register_class(SPLATSMITH_MT_splats)
    bpy.types.VIEW3D_MT_object.append(draw_in_object_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object.remove(draw_in_object_menu)
    bpy.utils.unregister_class(SPLATSMITH_MT_splats)
