"""Operators that transform, join and repair splats, in the panel and in the menu Object."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty

from .. import api
from ..scene.data_users import has_shared_data
from ..scene.rest_positions import has_rest_positions, looks_turned
from ..scene.splats import is_splats
from .api_operator import ApiOperator, progress_cursor
from .selection_operators import selected_splats
from .sidebar import draw_wrapped_text
from .splat_panel import Section, add_section, remove_section


class SplatDataOperator(ApiOperator):
    """An operator that changes the data of splat objects, and asks if other objects share it."""

    bl_options = {"REGISTER", "UNDO"}

    isolate_users: BoolProperty(
        name="Isolate Multi-User Data",
        description="Give the objects splats of their own, if other objects use the same",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """Why the operator cannot run, as a sentence; empty if it can."""
        raise NotImplementedError

    @classmethod
    def shares_data(cls, context: bpy.types.Context) -> bool:
        """Whether objects that it leaves as they are use the data that it changes."""
        return any(has_shared_data(obj) for obj in selected_splats(context))

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = cls.disabled_reason(context)
        if context.mode != "OBJECT":
            reason = rpt_("Leave Edit Mode first")
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.shares_data(context):
            return self.execute(context)
        self.isolate_users = True
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=iface_(self.bl_label, "Operator"),
            message=iface_("Other objects use the same splats. They stay as they are."),
            confirm_text=iface_("Isolate Multi-User Data"),
        )


class SPLATSMITH_OT_apply_transform(SplatDataOperator, bpy.types.Operator):
    bl_idname = "splatsmith.apply_transform"
    bl_label = "Apply Transform to Splats"
    bl_description = (
        "Apply the transform of the selected objects to their splats: positions, shapes and "
        "view-dependent colors. Blender's own Apply changes positions alone"
    )

    location: BoolProperty(name="Location", description="Apply the location", default=True)
    rotation: BoolProperty(name="Rotation", description="Apply the rotation", default=True)
    scale: BoolProperty(name="Scale", description="Apply the scale", default=True)

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        return "" if selected_splats(context) else rpt_("Select Gaussian splats")

    def call_api(self, context: bpy.types.Context) -> None:
        components = api.Components(self.location, self.rotation, self.scale)
        with progress_cursor(context) as show:
            api.apply_transform(
                selected_splats(context),
                components,
                isolate_users=self.isolate_users,
                on_progress=show,
            )


class SPLATSMITH_OT_join_splats(SplatDataOperator, bpy.types.Operator):
    bl_idname = "splatsmith.join_splats"
    bl_label = "Join Splats"
    bl_description = (
        "Join the selected splats into the active object, each turned and scaled as it is seen. "
        "Blender's own Join changes positions alone"
    )

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        active = context.active_object
        if active is None or not is_splats(active):
            return rpt_("Make a splat object the active one")
        if not any(obj != active for obj in selected_splats(context)):
            return rpt_("Select two splat objects, or more")
        return ""

    @classmethod
    def shares_data(cls, context: bpy.types.Context) -> bool:
        return has_shared_data(context.active_object, selected_splats(context))

    def call_api(self, context: bpy.types.Context) -> None:
        with progress_cursor(context) as show:
            api.join_splats(
                context.active_object,
                selected_splats(context),
                isolate_users=self.isolate_users,
                on_progress=show,
            )


class SPLATSMITH_OT_repair_splats(SplatDataOperator, bpy.types.Operator):
    bl_idname = "splatsmith.repair_splats"
    bl_label = "Repair Splats"
    bl_description = (
        "Turn the shapes of the selected splats after their positions, where Apply, Join, Realize "
        "Instances or Edit Mode has moved positions alone"
    )

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        splats = selected_splats(context)
        if not splats:
            return rpt_("Select Gaussian splats")
        if not any(has_rest_positions(obj.data) for obj in splats):
            return rpt_(
                "These splats do not say where they were at first: they are not from Splatsmith, "
                "or from an older version"
            )
        return ""

    def call_api(self, context: bpy.types.Context) -> None:
        with progress_cursor(context) as show:
            repair = api.repair_splats(
                selected_splats(context), isolate_users=self.isolate_users, on_progress=show
            )
        self.report({"INFO"}, repair.sentence)


def draw_section(
    layout: bpy.types.UILayout, context: bpy.types.Context, splats: bpy.types.Object
) -> None:
    if looks_turned(splats.data):
        box = layout.box()
        box.alert = True
        draw_wrapped_text(box, context, iface_("Positions were turned, and shapes stayed behind."))
        box.operator(SPLATSMITH_OT_repair_splats.bl_idname, icon="MODIFIER")
    else:
        layout.operator(SPLATSMITH_OT_repair_splats.bl_idname, icon="MODIFIER")
    layout.operator(
        SPLATSMITH_OT_apply_transform.bl_idname, text="Apply Transform", icon="OBJECT_ORIGIN"
    )
    layout.operator(SPLATSMITH_OT_join_splats.bl_idname, icon="SELECT_EXTEND")


def _draw_in_apply_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if selected_splats(context):
        menu.layout.separator()
        menu.layout.operator(SPLATSMITH_OT_apply_transform.bl_idname)
        menu.layout.operator(SPLATSMITH_OT_repair_splats.bl_idname)


def _draw_in_object_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if len(selected_splats(context)) > 1:
        menu.layout.separator()
        menu.layout.operator(SPLATSMITH_OT_join_splats.bl_idname)


SECTION = Section("Transform", 10, draw_section)
CLASSES = (
    SPLATSMITH_OT_apply_transform,
    SPLATSMITH_OT_join_splats,
    SPLATSMITH_OT_repair_splats,
)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)
    add_section(SECTION)
    bpy.types.VIEW3D_MT_object_apply.append(_draw_in_apply_menu)
    bpy.types.VIEW3D_MT_object.append(_draw_in_object_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object.remove(_draw_in_object_menu)
    bpy.types.VIEW3D_MT_object_apply.remove(_draw_in_apply_menu)
    remove_section(SECTION)
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
