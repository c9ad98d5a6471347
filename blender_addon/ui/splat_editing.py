"""Crop, floaters and the limit of splats: operators, and their section of the splats' panel.

They run at once, but for the search for floaters among many splats, which shows how far it is and
can be cancelled. Changing a setting in the panel Adjust Last Operation runs them again, on the
splats as they were before.
"""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..api import splat_tools as tools
from ..contract.cloud import OnProgress
from ..contract.problems import InvalidRequest
from ..scene.crop_objects import may_show_volume
from ..scene.splats import is_splats
from .api_operator import ApiOperator, progress_cursor, use_property_split
from .modal_task import ModalTaskOperator, Work
from .selection_operators import selected_splats
from .splat_panel import Section, add_section, remove_section

DEFAULT = tools.FloaterCriteria()
QUICKLY_SEARCHED = 50_000  # splats, in a moment
ACTIONS = (
    (tools.SplatAction.DELETE.value, "Delete", "Delete them"),
    (tools.SplatAction.SELECT.value, "Select", "Select them, to be seen in Edit Mode"),
)
SIDES = (
    (tools.CropSide.INSIDE.value, "Inside", "Keep what is inside"),
    (tools.CropSide.OUTSIDE.value, "Outside", "Keep what is outside"),
)
SHAPES = (
    (tools.CropShape.BOX.value, "Box", "An empty shown as a cube"),
    (tools.CropShape.SPHERE.value, "Sphere", "An empty shown as a sphere"),
)


class SelectedSplatsOperator(ApiOperator):
    """An operator on the selected splats; undone in one step."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = "" if selected_splats(context) else rpt_("Select Gaussian splats")
        if context.mode != "OBJECT":
            reason = rpt_("Leave Edit Mode first")
        if reason:
            cls.poll_message_set(reason)
        return not reason


class SplatEditOperator(SelectedSplatsOperator):
    """An operator that finds splats and deletes or selects them, and says how many."""

    action: EnumProperty(name="Found", description="What becomes of them", items=ACTIONS)
    summary: StringProperty(description="How many were found", options={"HIDDEN", "SKIP_SAVE"})

    def call_api(self, context: bpy.types.Context) -> None:
        self.summary = ""
        with progress_cursor(context) as show:
            count = self.edit(context, tools.SplatAction(self.action), show)
        self.summary = edit_text(tools.SplatAction(self.action), count)
        self.report({"INFO"}, self.summary)

    def edit(
        self, context: bpy.types.Context, action: tools.SplatAction, show: OnProgress
    ) -> tools.EditCount:
        raise NotImplementedError

    def draw(self, context: bpy.types.Context) -> None:
        layout = use_property_split(self.layout)
        self.draw_settings(layout, context)
        layout.row().prop(self, "action", expand=True)
        if self.summary:
            layout.label(text=self.summary, icon="INFO")

    def draw_settings(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        raise NotImplementedError


class SPLATSMITH_OT_add_crop_object(SelectedSplatsOperator, bpy.types.Operator):
    bl_idname = "splatsmith.add_crop_object"
    bl_label = "Add Crop Object"
    bl_description = "Add an empty around the active splats, to be moved, turned and scaled"

    shape: EnumProperty(name="Shape", description="The shape of the empty", items=SHAPES)

    def call_api(self, context: bpy.types.Context) -> None:
        splats = selected_splats(context)
        around = context.active_object if context.active_object in splats else splats[0]
        crop = tools.add_crop_object(around, tools.CropShape(self.shape))
        context.scene.splatsmith_crop_object = crop
        for obj in context.selected_objects:
            obj.select_set(False)
        context.view_layer.update()
        if context.view_layer.objects.get(crop.name) == crop:
            crop.select_set(True)
            context.view_layer.objects.active = crop


class SPLATSMITH_OT_crop_splats(SplatEditOperator, bpy.types.Operator):
    bl_idname = "splatsmith.crop_splats"
    bl_label = "Crop Splats"
    bl_description = (
        "Delete the selected splats outside, or inside, of an empty shown as cube or sphere or of "
        "a convex mesh"
    )

    crop: StringProperty(
        name="Crop Object",
        description="The box or sphere to crop by; by default, the active or the chosen object",
        options={"SKIP_SAVE"},
    )
    side: EnumProperty(name="Keep", description="Which splats are kept", items=SIDES)
    whole: BoolProperty(
        name="Whole Splats",
        description=(
            "Keep only splats whose extent of three standard deviations is on that side. Otherwise "
            "a splat is where its centre is"
        ),
    )

    def edit(
        self, context: bpy.types.Context, action: tools.SplatAction, show: OnProgress
    ) -> tools.EditCount:
        self.crop = self.crop or _default_crop_name(context)
        crop = context.scene.objects.get(self.crop)
        if crop is None:
            what = rpt_("The crop object {!r} is not in the scene.").format(self.crop)
            raise InvalidRequest(
                what if self.crop else rpt_("No crop object is chosen."),
                rpt_("Choose a box or a sphere as the crop object."),
            )
        side = tools.CropSide(self.side)
        splats = selected_splats(context)
        return tools.crop_splats(
            splats, crop, side, whole=self.whole, action=action, on_progress=show
        )

    def draw_settings(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        layout.prop_search(self, "crop", context.scene, "objects")
        layout.row().prop(self, "side", expand=True)
        layout.prop(self, "whole")


class SPLATSMITH_OT_delete_floaters(ModalTaskOperator, SplatEditOperator, bpy.types.Operator):
    bl_idname = "splatsmith.delete_floaters"
    bl_label = "Delete Floaters"
    bl_description = "Delete splats that are nearly transparent, very large, or far from all others"
    task_name = "Searching for floaters"

    by_opacity: BoolProperty(
        name="By Opacity",
        description="Find splats of low opacity",
        default=DEFAULT.min_opacity is not None,
    )
    min_opacity: FloatProperty(
        name="Opacity",
        description="Splats of a lower opacity are floaters",
        default=0.02,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    by_size: BoolProperty(
        name="By Size",
        description="Find splats that are very large",
        default=DEFAULT.max_size is not None,
    )
    max_size: FloatProperty(
        name="Size",
        description="Splats that are so many times larger than is usual in the object are floaters",
        default=20.0,
        min=1.0,
        soft_max=100.0,
    )
    by_distance: BoolProperty(
        name="By Distance",
        description="Find splats that are far from all others",
        default=DEFAULT.max_distance is not None,
    )
    max_distance: FloatProperty(
        name="Distance",
        description=(
            "Splats that are so many times farther from their neighbors than is usual in the "
            "object are floaters"
        ),
        default=10.0,
        min=3.0,
        soft_max=50.0,
    )
    neighbors: IntProperty(
        name="Neighbors",
        description="Groups of up to so many splats are floaters too",
        default=DEFAULT.neighbors,
        min=1,
        max=256,
    )

    def edit(
        self, context: bpy.types.Context, action: tools.SplatAction, show: OnProgress
    ) -> tools.EditCount:
        splats = selected_splats(context)
        return tools.delete_floaters(splats, self._criteria(), action=action, on_progress=show)

    def long_work(self, context: bpy.types.Context) -> Work | None:
        search = tools.search_floaters(selected_splats(context), self._criteria())
        return None if search is None or len(search) <= QUICKLY_SEARCHED else search.run

    def _criteria(self) -> tools.FloaterCriteria:
        return tools.FloaterCriteria(
            self.min_opacity if self.by_opacity else None,
            self.max_size if self.by_size else None,
            self.max_distance if self.by_distance else None,
            self.neighbors,
        )

    def draw_settings(self, layout: bpy.types.UILayout, _context: bpy.types.Context) -> None:
        for name in ("opacity", "size", "distance"):
            limit = "min_opacity" if name == "opacity" else f"max_{name}"
            row = layout.row(align=True, heading=iface_(name.capitalize()))
            row.prop(self, f"by_{name}", text="")
            value = row.row()
            value.active = getattr(self, f"by_{name}")
            value.prop(self, limit, text="")
        row = layout.row()
        row.active = self.by_distance
        row.prop(self, "neighbors")


class SPLATSMITH_OT_limit_splats(SplatEditOperator, bpy.types.Operator):
    bl_idname = "splatsmith.limit_splats"
    bl_label = "Limit Splats"
    bl_description = "Keep those of the selected splats that hide most, in each object so many"

    count: IntProperty(
        name="Splats",
        description="How many splats each object keeps, at most",
        default=100_000,
        min=1,
        soft_max=5_000_000,
    )

    def edit(
        self, context: bpy.types.Context, action: tools.SplatAction, show: OnProgress
    ) -> tools.EditCount:
        return tools.limit_splats(selected_splats(context), self.count, action=action)

    def draw_settings(self, layout: bpy.types.UILayout, _context: bpy.types.Context) -> None:
        layout.prop(self, "count")


def draw_section(
    layout: bpy.types.UILayout, context: bpy.types.Context, splats: bpy.types.Object
) -> None:
    layout.label(text=iface_("{:,} splats").format(tools.count_splats(splats)))
    row = layout.row(align=True)
    row.prop(context.scene, "splatsmith_crop_object", text="")
    for shape, icon in ((tools.CropShape.BOX, "CUBE"), (tools.CropShape.SPHERE, "SPHERE")):
        row.operator("splatsmith.add_crop_object", text="", icon=icon).shape = shape.value
    row = layout.row(align=True)
    inside, outside = tools.CropSide.INSIDE.value, tools.CropSide.OUTSIDE.value
    row.operator("splatsmith.crop_splats", text="Keep Inside").side = inside
    row.operator("splatsmith.crop_splats", text="Keep Outside").side = outside
    layout.operator("splatsmith.delete_floaters", icon="PARTICLES")
    layout.operator("splatsmith.limit_splats", icon="MOD_DECIM")


def edit_text(action: tools.SplatAction, count: tools.EditCount) -> str:
    """What was done, as a report."""
    if action is tools.SplatAction.DELETE:
        return rpt_("{:,} of {:,} splats deleted").format(count.found, count.total)
    return rpt_("{:,} of {:,} splats selected").format(count.found, count.total)


def _default_crop_name(context: bpy.types.Context) -> str:
    """Of the active object, if it is selected and a volume; else of the one chosen in the panel."""
    active, chosen = context.active_object, context.scene.splatsmith_crop_object
    if active is not None and active.select_get() and _is_crop_object(active):
        return active.name
    return "" if chosen is None else chosen.name


def _is_crop_object(obj: bpy.types.Object) -> bool:
    return may_show_volume(obj) and not is_splats(obj)


def _may_be_chosen(_scene: bpy.types.Scene, obj: bpy.types.Object) -> bool:
    return _is_crop_object(obj)


SECTION = Section("Edit", 20, draw_section)
CLASSES = (
    SPLATSMITH_OT_add_crop_object,
    SPLATSMITH_OT_crop_splats,
    SPLATSMITH_OT_delete_floaters,
    SPLATSMITH_OT_limit_splats,
)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)
    bpy.types.Scene.splatsmith_crop_object = PointerProperty(
        name="Crop Object",
        description="An empty shown as cube or sphere, or a convex mesh",
        type=bpy.types.Object,
        poll=_may_be_chosen,
    )
    add_section(SECTION)


def unregister() -> None:
    remove_section(SECTION)
    del bpy.types.Scene.splatsmith_crop_object
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
