"""The panels in the 3D viewport's sidebar. They only draw."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .. import api
from ..contract.cards import ConditionKind, Variant
from ..link.snapshot import BackendState, SessionSnapshot
from .api_operator import translated_sentence
from .extraction_properties import draw_mesh_fields, draw_point_fields
from .installation import draw_installation, draw_progress, generate_label
from .job_list import draw_jobs
from .manual import draw_manual_button
from .operators import generate_disabled_reason
from .placement_properties import draw_placement_fields
from .prompt_history import SPLATSMITH_MT_prompts
from .properties import (
    SplatsmithSettings,
    engine_card,
    engine_group,
    parameter_property,
    side_property,
)
from .selection_operators import draw_mesh_operators, draw_native_operator, draw_splat_operators
from .sidebar import SidebarPanel, draw_wrapped_text
from .splat_panel import SPLATSMITH_PT_splats

GENERATE_SHARE = 0.68  # of the width, beside Make 4
STATE_ICONS = {
    BackendState.NOT_INSTALLED: "IMPORT",
    BackendState.INSTALLING: "SORTTIME",
    BackendState.STOPPED: "PAUSE",
    BackendState.STARTING: "SORTTIME",
    BackendState.RUNNING: "CHECKMARK",
    BackendState.FAILED: "ERROR",
}


class SPLATSMITH_PT_main(SidebarPanel, bpy.types.Panel):
    bl_label = "Splatsmith"

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        self.layout.operator("splatsmith.history", text="", icon="IMGDISPLAY", emboss=False)
        draw_manual_button(self.layout, text="")

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, now = self.layout, context.scene.splatsmith, api.snapshot()
        if now.state in (BackendState.NOT_INSTALLED, BackendState.INSTALLING):
            draw_installation(layout, context, now)
            layout.separator()
        draw_conditions(layout, settings)
        button = layout.split(factor=GENERATE_SHARE, align=True)
        button.scale_y = 1.6
        generate = button.operator(
            "splatsmith.generate", text=generate_label(now.state), icon="SHADERFX"
        )
        generate.install = True
        button.operator("splatsmith.generate_variations", icon="MOD_ARRAY")
        reason = generate_disabled_reason(settings, now)
        if reason:
            layout.label(text=f"{reason}.", icon="INFO")
        if now.problem is not None:
            _draw_problem(layout, context, now)
        draw_jobs(layout, context, now)


class SPLATSMITH_PT_engine(SidebarPanel, bpy.types.Panel):
    bl_label = "Engine"
    bl_parent_id = "SPLATSMITH_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        card = engine_card(context.scene.splatsmith)
        if card is not None and card.quality:
            self.layout.label(
                text=iface_("{} quality").format(iface_(card.quality.capitalize())) + "  "
            )

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.splatsmith
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "engine")
        card, group = engine_card(settings), engine_group(settings)
        if card is None or group is None:
            layout.label(text="Start the backend to see its settings.", icon="INFO")
            return
        if len(card.variants) > 1:
            layout.prop(group, "variant")
        for line in licence_lines(card.variant(group.variant)):
            draw_wrapped_text(layout, context, line)
        if settings.control_map_kinds():
            _draw_control_map(layout, settings)
        for spec in card.variant(group.variant).parameters:
            if spec.needs == ConditionKind.VIEWS:
                continue  # the panel gives no views
            row = layout.row(align=True)
            row.prop(group, parameter_property(card, group.variant, spec.name))
            if spec.name == "seed":
                row.operator("splatsmith.new_seed", text="", icon="FILE_REFRESH")


class SPLATSMITH_PT_results(SidebarPanel, bpy.types.Panel):
    bl_label = "Results"
    bl_parent_id = "SPLATSMITH_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.splatsmith
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "asset_name", placeholder="like the prompt")
        draw_placement_fields(layout, settings)
        layout.prop(settings, "alone")
        layout.column(align=True).prop(settings, "turntables")


class SPLATSMITH_PT_extraction(SidebarPanel, bpy.types.Panel):
    bl_label = "Mesh and Points"
    bl_parent_id = "SPLATSMITH_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.splatsmith
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_mesh_fields(layout.column(), settings)
        draw_point_fields(layout.column(), settings)
        layout.prop(settings, "crop")


class SPLATSMITH_PT_selection(SidebarPanel, bpy.types.Panel):
    bl_label = "Selection"
    bl_parent_id = "SPLATSMITH_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        draw_splat_operators(column)
        draw_native_operator(column, context)
        draw_mesh_operators(column)


class SPLATSMITH_PT_tools(SidebarPanel, bpy.types.Panel):
    bl_label = "More"
    bl_parent_id = "SPLATSMITH_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.operator("splatsmith.batch", icon="PRESET")
        column.operator("splatsmith.import_splats", icon="IMPORT")
        column.operator("splatsmith.export_splats", icon="EXPORT")
        column.operator("splatsmith.again", icon="LOOP_BACK")
        column.operator("splatsmith.offer_as_asset", icon="ASSET_MANAGER")


class SPLATSMITH_PT_backend(SidebarPanel, bpy.types.Panel):
    bl_label = "Backend"
    bl_parent_id = "SPLATSMITH_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        state = api.snapshot().state
        self.layout.label(text=f"{iface_(state.value.capitalize())}  ", icon=STATE_ICONS[state])

    def draw(self, context: bpy.types.Context) -> None:
        _draw_backend(self.layout, context, api.snapshot())


def licence_lines(variant: Variant) -> list[str]:
    """The licences of the variant's checkpoints, and what they say of commercial use."""
    return [f"{licence.name}. {licence.summary}" for licence in variant.licences]


def draw_conditions(layout: bpy.types.UILayout, settings: SplatsmithSettings) -> None:
    column = layout.column(align=True)
    column.label(text="Prompt")
    row = column.row(align=True)
    row.prop(settings, "prompt", text="", placeholder="a wooden chair")
    row.menu(SPLATSMITH_MT_prompts.bl_idname, text="", icon="TIME")
    if settings.takes_class():
        column = layout.column(align=True)
        column.label(text="Class")
        column.prop(settings, "class_label", text="", icon="VIEWZOOM")
    column = layout.column(align=True)
    column.label(text="Picture")
    column.template_ID(settings, "picture", open="image.open")
    if settings.picture is not None:
        column.template_icon(column.icon(settings.picture), scale=6)
    for side in settings.side_kinds() if settings.picture is not None else ():
        row = layout.row()
        row.template_ID(
            settings, side_property(side), open="image.open", text=iface_(side.capitalize())
        )
    column = layout.column(align=True)
    column.label(text="Make")
    column.row(align=True).prop(settings, "products")


def _draw_control_map(layout: bpy.types.UILayout, settings: SplatsmithSettings) -> None:
    layout.prop(settings, "guide")
    if settings.can_render_control_map():
        layout.prop(settings, "guide_source")
    if settings.control_map_kind() and not settings.renders_control_map():
        layout.template_ID(settings, "guide_picture", open="image.open", text="Map")


def _draw_backend(
    layout: bpy.types.UILayout, context: bpy.types.Context, now: SessionSnapshot
) -> None:
    state = BackendState
    if now.state in (state.NOT_INSTALLED, state.INSTALLING):
        draw_installation(layout, context, now)
        return
    if now.state.is_busy:
        draw_progress(layout, context, now.message)
        layout.operator("splatsmith.stop", text="Cancel", icon="X")
    elif now.state is state.RUNNING:
        if now.health is not None:
            device = now.health.device or iface_("the device of its choice")
            layout.label(text=iface_("Computes on {}").format(device))
        if now.health is not None and now.health.problem is not None:
            draw_wrapped_text(layout, context, translated_sentence(now.health.problem))
        layout.operator("splatsmith.stop", text="Stop", icon="PAUSE")
    else:
        layout.operator("splatsmith.start", text="Start", icon="PLAY")
    if now.build:
        layout.label(text=now.build, icon="PREFERENCES")


def _draw_problem(
    layout: bpy.types.UILayout, context: bpy.types.Context, now: SessionSnapshot
) -> None:
    assert now.problem is not None
    box = layout.box()
    column = box.column()
    column.alert = True
    row = column.row()
    row.label(text=iface_(now.problem.title), icon="ERROR")
    row.operator("splatsmith.dismiss", text="", icon="X", emboss=False)
    draw_wrapped_text(column, context, translated_sentence(now.problem))
    if now.state is BackendState.FAILED:
        box.operator("splatsmith.start", text="Start", icon="PLAY")


CLASSES = (
    SPLATSMITH_PT_main,
    SPLATSMITH_PT_engine,
    SPLATSMITH_PT_results,
    SPLATSMITH_PT_extraction,
    SPLATSMITH_PT_selection,
    SPLATSMITH_PT_splats,
    SPLATSMITH_PT_tools,
    SPLATSMITH_PT_backend,
)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)


def unregister() -> None:
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
