"""Add > Splatsmith: a new asset from a prompt or a picture, a batch, and splat files."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .. import api
from ..link.snapshot import BackendState
from .installation import OFFLINE_TEXT, generate_label, installation_lines
from .operators import generate_disabled_reason
from .panels import draw_conditions

WIDTH = 360


class SPLATSMITH_OT_add_asset(bpy.types.Operator):
    """Its dialog has the panel's own prompt, picture and results, and runs Generate."""

    bl_idname = "splatsmith.add_asset"
    bl_label = "Splatsmith Asset..."
    bl_description = "Make an asset from a prompt or a picture, with the panel's settings"

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(
            self,
            width=WIDTH,
            title=iface_("Splatsmith Asset"),
            confirm_text=generate_label(api.snapshot().state),
        )

    def draw(self, context: bpy.types.Context) -> None:
        layout, now, settings = self.layout, api.snapshot(), context.scene.splatsmith
        if now.state is BackendState.NOT_INSTALLED:
            for line in installation_lines(now.planned_build) if now.planned_build else ():
                layout.label(text=line)
            if not bpy.app.online_access:
                layout.label(text=OFFLINE_TEXT)
        draw_conditions(layout, settings)
        reason = generate_disabled_reason(settings, now)
        if reason:
            layout.label(text=f"{reason}.", icon="INFO")

    def execute(self, context: bpy.types.Context) -> set[str]:
        reason = generate_disabled_reason(context.scene.splatsmith, api.snapshot())
        if reason:
            self.report({"ERROR"}, f"{reason}.")
            return {"CANCELLED"}
        return bpy.ops.splatsmith.generate(install=True)


class SPLATSMITH_MT_add(bpy.types.Menu):
    bl_label = "Splatsmith"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("splatsmith.add_asset", icon="SHADERFX")
        layout.operator("splatsmith.generate")
        layout.operator("splatsmith.generate_variations", text="Four Variations")
        layout.operator("splatsmith.batch", text="Batch...", icon="PRESET")
        layout.separator()
        layout.operator("splatsmith.import_splats", text="Gaussian Splats...", icon="IMPORT")


def _draw_in_add_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.menu(SPLATSMITH_MT_add.__name__, icon="OUTLINER_OB_POINTCLOUD")


CLASSES = (SPLATSMITH_OT_add_asset, SPLATSMITH_MT_add)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)
    bpy.types.VIEW3D_MT_add.append(_draw_in_add_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_add.remove(_draw_in_add_menu)
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
