"""Operators on the selected objects: mesh and points from splats, quads from meshes."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import IntProperty

from .. import api
from ..contract.protocol import Product
from ..scene.native_splats import has_older_form
from ..scene.quads import has_faces
from ..scene.splats import IS_NATIVE, is_splats
from .api_operator import ApiOperator, backend_unavailable_reason, use_property_split, wait_cursor
from .extraction_properties import ExtractionFields, draw_mesh_fields, draw_point_fields

WIDTH = 320


class ExtractionOperator(ExtractionFields, ApiOperator):
    """An operator that extracts `product` from every selected splat object."""

    product: Product

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = backend_unavailable_reason(api.snapshot())
        if context.mode != "OBJECT":
            reason = rpt_("Leave Edit Mode first")
        elif not selected_splats(context):
            reason = rpt_("Select Gaussian splats")
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.copy_from(context.scene.splatsmith)
        return context.window_manager.invoke_props_dialog(
            self, width=WIDTH, title=self.bl_label, confirm_text="Extract"
        )

    def call_api(self, context: bpy.types.Context) -> None:
        context.scene.splatsmith.copy_from(self)
        splats = selected_splats(context)
        for obj in splats:
            api.submit_extraction(
                obj, (self.product,), extraction=self.extraction(), post_import=self.post_import()
            )
        text = rpt_("{} sent; the list of jobs shows how far they are").format(_describe(splats))
        self.report({"INFO"}, text)


class SPLATSMITH_OT_mesh_from_splats(ExtractionOperator, bpy.types.Operator):
    bl_idname = "splatsmith.mesh_from_splats"
    bl_label = "Mesh from Splats"
    bl_description = "Make a mesh of each selected splat object, in the same place"

    product = Product.MESH

    def draw(self, _context: bpy.types.Context) -> None:
        layout = use_property_split(self.layout)
        draw_mesh_fields(layout, self)
        layout.prop(self, "crop")
        layout.prop(self, "alone", text="Hide the Splats")


class SPLATSMITH_OT_points_from_splats(ExtractionOperator, bpy.types.Operator):
    bl_idname = "splatsmith.points_from_splats"
    bl_label = "Points from Splats"
    bl_description = "Make coloured points of each selected splat object, in the same place"

    product = Product.POINTS

    def draw(self, _context: bpy.types.Context) -> None:
        layout = use_property_split(self.layout)
        draw_point_fields(layout, self)
        layout.prop(self, "crop")
        layout.prop(self, "alone", text="Hide the Splats")


class SPLATSMITH_OT_quads_from_mesh(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.quads_from_mesh"
    bl_label = "Quads from Mesh"
    bl_description = (
        "Remesh each selected mesh to quads, with its colours at the vertices, and hide the "
        "original. Blender stands still for some seconds meanwhile"
    )
    bl_options = {"UNDO"}

    face_count: IntProperty(
        name="Quads",
        description="How many quads each mesh is to have, roughly",
        default=10_000,
        min=4,
        soft_min=500,
        soft_max=100_000,
        max=5_000_000,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set(rpt_("Leave Edit Mode first"))
            return False
        if not selected_meshes(context):
            cls.poll_message_set(rpt_("Select a mesh"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=WIDTH)

    def draw(self, _context: bpy.types.Context) -> None:
        use_property_split(self.layout).prop(self, "face_count")

    def call_api(self, context: bpy.types.Context) -> None:
        with wait_cursor(context):
            for obj in selected_meshes(context):
                api.remesh_to_quads(obj, self.face_count)


class SPLATSMITH_OT_make_splats_native(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.make_splats_native"
    bl_label = "Make Splats Native"
    bl_description = (
        "Let Blender draw the selected splats of older files itself, instead of by the modifier. "
        "Opacity and size that were set there are multiplied into the splats"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not IS_NATIVE:
            reason = rpt_("Blender 5.3 and later draw splats themselves")
        elif context.mode != "OBJECT":
            reason = rpt_("Leave Edit Mode first")
        elif not selected_old_splats(context):
            reason = rpt_("Select splats that are drawn by the modifier")
        else:
            return True
        cls.poll_message_set(reason)
        return False

    def call_api(self, context: bpy.types.Context) -> None:
        changed = api.make_splats_native(selected_old_splats(context))
        self.report({"INFO"}, rpt_("{} drawn by Blender itself").format(_describe(changed)))


def selected_splats(context: bpy.types.Context) -> list[bpy.types.Object]:
    return [obj for obj in context.selected_objects if is_splats(obj)]


def selected_old_splats(context: bpy.types.Context) -> list[bpy.types.Object]:
    """Selected splats that could be native ones, where Blender has such."""
    return [obj for obj in context.selected_objects if IS_NATIVE and has_older_form(obj)]


def selected_meshes(context: bpy.types.Context) -> list[bpy.types.Object]:
    return [obj for obj in context.selected_objects if has_faces(obj)]


def draw_splat_operators(layout: bpy.types.UILayout) -> None:
    layout.operator("splatsmith.mesh_from_splats", icon="MESH_DATA")
    layout.operator("splatsmith.points_from_splats", icon="OUTLINER_OB_POINTCLOUD")


def draw_native_operator(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    if selected_old_splats(context):
        layout.operator("splatsmith.make_splats_native", icon="OUTLINER_OB_POINTCLOUD")


def draw_mesh_operators(layout: bpy.types.UILayout) -> None:
    layout.operator("splatsmith.quads_from_mesh", icon="MESH_GRID")


def _draw_in_context_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Append the operators that apply to the selection."""
    splats, meshes = selected_splats(context), selected_meshes(context)
    if splats or meshes:
        menu.layout.separator()
        menu.layout.operator_context = "INVOKE_DEFAULT"
    if splats:
        draw_splat_operators(menu.layout)
        draw_native_operator(menu.layout, context)
    if meshes:
        draw_mesh_operators(menu.layout)


def _describe(objects: list[bpy.types.Object]) -> str:
    return objects[0].name if len(objects) == 1 else rpt_("{} objects").format(len(objects))


CLASSES = (
    SPLATSMITH_OT_mesh_from_splats,
    SPLATSMITH_OT_points_from_splats,
    SPLATSMITH_OT_quads_from_mesh,
    SPLATSMITH_OT_make_splats_native,
)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)
    bpy.types.VIEW3D_MT_object_context_menu.append(_draw_in_context_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object_context_menu.remove(_draw_in_context_menu)
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
