"""What can be done with the objects that are selected: a mesh or points of splats, quads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
from bpy.props import IntProperty

from .. import api
from ..contract.protocol import Product
from ..scene.quads import is_mesh
from ..scene.splats import is_splats
from .api_operator import Attempt, why_no_backend
from .extraction import ExtractionFields, draw_mesh_fields, draw_point_fields

WIDTH = 320


class OnSplats(ExtractionFields, Attempt):
    """An operator that takes `product` from every selected splat object."""

    product: Product

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = why_no_backend(api.snapshot())
        if context.mode != "OBJECT":
            reason = "Leave Edit Mode first"
        elif not selected_splats(context):
            reason = "Select Gaussian splats"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.imitate(context.scene.splatsmith)
        return context.window_manager.invoke_props_dialog(
            self, width=WIDTH, title=self.bl_label, confirm_text="Extract"
        )

    def attempt(self, context: bpy.types.Context) -> None:
        context.scene.splatsmith.imitate(self)
        splats = selected_splats(context)
        for obj in splats:
            api.submit_extraction(
                obj, (self.product,), extraction=self.extraction(), finish=self.finish()
            )
        self.report({"INFO"}, f"{_counted(splats)} sent; the list of jobs shows how far they are")


class SPLATSMITH_OT_mesh_from_splats(OnSplats, bpy.types.Operator):
    bl_idname = "splatsmith.mesh_from_splats"
    bl_label = "Mesh from Splats"
    bl_description = "Make a mesh of each selected splat object, in the same place"

    product = Product.MESH

    def draw(self, _context: bpy.types.Context) -> None:
        layout = _split(self.layout)
        draw_mesh_fields(layout, self)
        layout.prop(self, "alone", text="Hide the Splats")


class SPLATSMITH_OT_points_from_splats(OnSplats, bpy.types.Operator):
    bl_idname = "splatsmith.points_from_splats"
    bl_label = "Points from Splats"
    bl_description = "Make coloured points of each selected splat object, in the same place"

    product = Product.POINTS

    def draw(self, _context: bpy.types.Context) -> None:
        layout = _split(self.layout)
        draw_point_fields(layout, self)
        layout.prop(self, "alone", text="Hide the Splats")


class SPLATSMITH_OT_quads_from_mesh(Attempt, bpy.types.Operator):
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
            cls.poll_message_set("Leave Edit Mode first")
            return False
        if not selected_meshes(context):
            cls.poll_message_set("Select a mesh")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=WIDTH)

    def draw(self, _context: bpy.types.Context) -> None:
        _split(self.layout).prop(self, "face_count")

    def attempt(self, context: bpy.types.Context) -> None:
        with _waiting(context):
            for obj in selected_meshes(context):
                api.make_quads(obj, self.face_count)


def selected_splats(context: bpy.types.Context) -> list[bpy.types.Object]:
    return [obj for obj in context.selected_objects if is_splats(obj)]


def selected_meshes(context: bpy.types.Context) -> list[bpy.types.Object]:
    return [obj for obj in context.selected_objects if is_mesh(obj)]


def draw_splat_operators(layout: bpy.types.UILayout) -> None:
    layout.operator("splatsmith.mesh_from_splats", icon="MESH_DATA")
    layout.operator("splatsmith.points_from_splats", icon="OUTLINER_OB_POINTCLOUD")


def draw_mesh_operators(layout: bpy.types.UILayout) -> None:
    layout.operator("splatsmith.quads_from_mesh", icon="MESH_GRID")


def _draw_in_context_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """What fits the selection, at the end of the menu."""
    splats, meshes = selected_splats(context), selected_meshes(context)
    if splats or meshes:
        menu.layout.separator()
        menu.layout.operator_context = "INVOKE_DEFAULT"
    if splats:
        draw_splat_operators(menu.layout)
    if meshes:
        draw_mesh_operators(menu.layout)


def _split(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout


def _counted(objects: list[bpy.types.Object]) -> str:
    return objects[0].name if len(objects) == 1 else f"{len(objects)} objects"


@contextmanager
def _waiting(context: bpy.types.Context) -> Iterator[None]:
    """The mouse pointer says that Blender is busy; in the background there is none."""
    if context.window is None:
        yield
        return
    context.window.cursor_set("WAIT")
    try:
        yield
    finally:
        context.window.cursor_set("DEFAULT")


CLASSES = (
    SPLATSMITH_OT_mesh_from_splats,
    SPLATSMITH_OT_points_from_splats,
    SPLATSMITH_OT_quads_from_mesh,
)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)
    bpy.types.VIEW3D_MT_object_context_menu.append(_draw_in_context_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object_context_menu.remove(_draw_in_context_menu)
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
