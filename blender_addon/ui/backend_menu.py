"""Edit > Splatsmith: the backend, its checkpoints and the manual, where no panel is open."""

from __future__ import annotations

import bpy


class SPLATSMITH_MT_backend(bpy.types.Menu):
    bl_label = "Splatsmith"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        for name in ("install", "start", "stop"):
            layout.operator(f"splatsmith.{name}")
        layout.operator("splatsmith.download")
        layout.separator()
        layout.operator("splatsmith.new_seed")
        layout.operator("splatsmith.dismiss")
        layout.operator("splatsmith.history", icon="IMGDISPLAY")
        layout.operator("splatsmith.forget_prompts")
        layout.separator()
        layout.operator("splatsmith.manual", icon="HELP")


def _draw_in_edit_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.menu(SPLATSMITH_MT_backend.__name__)


def _draw_in_help_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator("splatsmith.manual", icon="HELP")


def register() -> None:
    bpy.utils.register_class(SPLATSMITH_MT_backend)
    bpy.types.TOPBAR_MT_edit.append(_draw_in_edit_menu)
    bpy.types.TOPBAR_MT_help.append(_draw_in_help_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_help.remove(_draw_in_help_menu)
    bpy.types.TOPBAR_MT_edit.remove(_draw_in_edit_menu)
    bpy.utils.unregister_class(SPLATSMITH_MT_backend)
