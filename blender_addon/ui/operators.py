"""The panel's operators: each reads the settings and calls one function of `api`."""

from __future__ import annotations

import random
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, IntProperty, StringProperty

from .. import api
from ..contract.problems import InvalidRequest
from ..contract.protocol import GenerateRequest
from ..link.job_groups import group_variations
from ..link.snapshot import BackendState, SessionSnapshot
from .api_operator import ApiOperator, backend_unavailable_reason, translated_sentence
from .installation import install
from .job_list import groups_on_page
from .preferences import preferences
from .properties import (
    SplatsmithSettings,
    engine_card,
    engine_group,
    parameter_property,
    selected_shapes,
)
from .required_checkpoints import import_hint, missing_checkpoints

NEW_SEEDS = 1_000_000  # short enough to read out


class JobOperator(ApiOperator):
    """An operator on one job of the list."""

    job: StringProperty(description="The key of the job", options={"HIDDEN", "SKIP_SAVE"})


class SPLATSMITH_OT_generate(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.generate"
    bl_label = "Generate"
    bl_description = "Make the asset; it comes to rest at the 3D cursor when it is done"

    install: BoolProperty(
        description="Install the backend first where it is missing, and go online for that",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = generate_disabled_reason(_settings(context), api.snapshot())
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def call_api(self, context: bpy.types.Context) -> None:
        settings = _settings(context)
        if self.install and api.snapshot().state is BackendState.NOT_INSTALLED:
            install(allow_online=True)
        api.submit_samples(
            settings.prompt,
            settings.picture,
            name=settings.asset_name,
            settings=settings.generation_settings(),
            placement=settings.placement(),
            post_import=settings.post_import(),
        )
        api.remember_prompt(settings.prompt)


class SPLATSMITH_OT_generate_variations(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.generate_variations"
    bl_label = "Make 4"
    bl_description = "Make four variations, each with a new seed; click one to bring it in"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = backend_unavailable_reason(api.snapshot())
        if reason:
            cls.poll_message_set(reason)
        return not reason and SPLATSMITH_OT_generate.poll(context)

    def call_api(self, context: bpy.types.Context) -> None:
        settings = _settings(context)
        api.submit_variations(
            settings.prompt,
            settings.picture,
            name=settings.asset_name,
            settings=settings.generation_settings(),
            placement=settings.placement(),
            post_import=settings.post_import(),
        )
        api.remember_prompt(settings.prompt)


class FileOperator(ApiOperator):
    """An operator that opens the file browser for a file or a folder."""

    filepath: StringProperty(
        description="The file or folder", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        # A folder: otherwise the browser suggests the .blend's name, and accepts no folder.
        self.filepath = bpy.path.abspath("//") or f"{Path.home()}/"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class SPLATSMITH_OT_batch(FileOperator, bpy.types.Operator):
    bl_idname = "splatsmith.batch"
    bl_label = "Generate Batch"
    bl_description = (
        "Make an asset of each line of a text file, each row of a table or each picture in a "
        "folder, and lay them out from the 3D cursor on"
    )

    filter_glob: StringProperty(
        description="Which files the browser shows",
        default="*.txt;*.csv;*.tsv;*.tab",
        options={"HIDDEN"},
    )

    def call_api(self, context: bpy.types.Context) -> None:
        settings = _settings(context)
        submission = api.submit_batch(
            self.filepath,
            settings=settings.generation_settings(),
            placement=settings.placement(),
            post_import=settings.post_import(),
        )
        for note in submission.notes:
            self.report({"INFO"}, note)
        for item, error in submission.failures.items():
            self.report({"WARNING"}, f"{item}: {translated_sentence(error.problem)}")


class GeneratedObjectOperator(ApiOperator):
    """An operator on the active object, if Splatsmith made it."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        is_ours = context.object is not None and api.read_request(context.object) is not None
        if not is_ours:
            cls.poll_message_set(rpt_("Select an object that Splatsmith made"))
        return is_ours


class SPLATSMITH_OT_offer_as_asset(GeneratedObjectOperator, bpy.types.Operator):
    bl_idname = "splatsmith.offer_as_asset"
    bl_label = "Mark as Asset"
    bl_description = (
        "Show the active object in the asset browser: with its own picture and prompt, its "
        "licence, and in the catalog of its engine"
    )
    bl_options = {"UNDO"}

    def call_api(self, context: bpy.types.Context) -> None:
        chosen = preferences()
        for note in api.mark_as_asset(context.object, chosen.author.strip() if chosen else ""):
            self.report({"INFO"}, note)


class SPLATSMITH_OT_again(GeneratedObjectOperator, bpy.types.Operator):
    bl_idname = "splatsmith.again"
    bl_label = "Use Its Settings"
    bl_description = "Fill the panel with what the active object was made from"

    def call_api(self, context: bpy.types.Context) -> None:
        request = api.read_request(context.object)
        settings = _settings(context)
        settings.load_options(request.extraction)
        if isinstance(request, GenerateRequest):
            self._load_request(settings, request)

    def _load_request(self, settings: SplatsmithSettings, request: GenerateRequest) -> None:
        pictures = api.find_pictures(request)
        settings.load_request(request, pictures)
        if set(request.pictures) - set(pictures):
            self.report({"WARNING"}, rpt_("Its picture is not on this machine. Choose it again."))


class SPLATSMITH_OT_new_seed(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.new_seed"
    bl_label = "New Seed"
    bl_description = "Roll the dice: another seed makes another asset of the same prompt"
    bl_options = {"REGISTER", "UNDO"}

    def call_api(self, context: bpy.types.Context) -> None:
        card, group = engine_card(_settings(context)), engine_group(_settings(context))
        setattr(group, parameter_property(card, group.variant, "seed"), random.randrange(NEW_SEEDS))


class SPLATSMITH_OT_cancel_job(JobOperator, bpy.types.Operator):
    bl_idname = "splatsmith.cancel_job"
    bl_label = "Cancel"
    bl_description = "Stop this job"
    bl_options = {"INTERNAL"}

    def call_api(self, _context: bpy.types.Context) -> None:
        api.cancel(self.job)


class SPLATSMITH_OT_remove_job(JobOperator, bpy.types.Operator):
    bl_idname = "splatsmith.remove_job"
    bl_label = "Remove Job and Its Files"
    bl_description = "Delete this job and its files; what is in the scene stays"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def call_api(self, _context: bpy.types.Context) -> None:
        api.remove(self.job)


class SPLATSMITH_OT_job_page(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.job_page"
    bl_label = "Page of Jobs"
    bl_description = "Show newer or older jobs"
    bl_options = {"INTERNAL"}

    page: IntProperty(description="The page, from 0 on", min=0, options={"HIDDEN", "SKIP_SAVE"})

    def call_api(self, context: bpy.types.Context) -> None:
        context.window_manager.splatsmith_job_page = self.page
        shown = groups_on_page(group_variations(api.snapshot().jobs), self.page)
        api.load_previews(job.key for group in shown for job in group)


class SPLATSMITH_OT_retry_job(JobOperator, bpy.types.Operator):
    bl_idname = "splatsmith.retry_job"
    bl_label = "Try Again"
    bl_description = "Order the same again"
    bl_options = {"INTERNAL"}

    def call_api(self, _context: bpy.types.Context) -> None:
        api.retry(self.job)


class SPLATSMITH_OT_repeat_with_new_seed(JobOperator, bpy.types.Operator):
    bl_idname = "splatsmith.repeat_with_new_seed"
    bl_label = "Again with Another Seed"
    bl_description = "Make another asset of the same prompt or picture, with the same settings"
    bl_options = {"INTERNAL"}

    def call_api(self, _context: bpy.types.Context) -> None:
        api.repeat_with_new_seed(self.job)


class SPLATSMITH_OT_use_job_settings(JobOperator, bpy.types.Operator):
    bl_idname = "splatsmith.use_job_settings"
    bl_label = "Use Its Settings"
    bl_description = "Fill the panel with what this job was made from"
    bl_options = {"INTERNAL", "UNDO"}

    def call_api(self, context: bpy.types.Context) -> None:
        request = next((j.request for j in api.snapshot().jobs if j.key == self.job), None)
        if not isinstance(request, GenerateRequest):
            raise InvalidRequest("This job has no settings for the panel.", "Choose a generation.")
        pictures = api.find_pictures(request)
        _settings(context).load_request(request, pictures)
        if set(request.pictures) - set(pictures):
            self.report({"WARNING"}, rpt_("Its picture is not on this machine. Choose it again."))


class SPLATSMITH_OT_import_job(JobOperator, bpy.types.Operator):
    bl_idname = "splatsmith.import_job"
    bl_label = "Import Again"
    bl_description = (
        "Import the results once more, as they were ordered. Shift-click: at the 3D cursor"
    )
    bl_options = {"INTERNAL"}

    at_cursor: BoolProperty(
        description="At the 3D cursor, instead of where it was ordered for",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.at_cursor = event.shift
        return self.execute(context)

    def call_api(self, _context: bpy.types.Context) -> None:
        api.import_job(self.job, self.at_cursor)


class SPLATSMITH_OT_show_files(JobOperator, bpy.types.Operator):
    bl_idname = "splatsmith.show_files"
    bl_label = "Show Files"
    bl_description = "Open the folder with all files of this job, its turntables among them"
    bl_options = {"INTERNAL"}

    def call_api(self, _context: bpy.types.Context) -> None:
        bpy.ops.wm.path_open(filepath=str(api.result_folder(self.job)))


class SPLATSMITH_OT_start(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.start"
    bl_label = "Start Backend"
    bl_description = "Start the backend; Generate does so by itself"

    def call_api(self, _context: bpy.types.Context) -> None:
        api.start()


class SPLATSMITH_OT_stop(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.stop"
    bl_label = "Stop Backend"
    bl_description = "Stop the backend and free its memory; a job under way begins anew later"

    def call_api(self, _context: bpy.types.Context) -> None:
        api.stop()


class SPLATSMITH_OT_dismiss(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.dismiss"
    bl_label = "Dismiss Message"
    bl_description = "Take this message away"

    def call_api(self, _context: bpy.types.Context) -> None:
        api.dismiss_problem()


def generate_disabled_reason(settings: SplatsmithSettings, now: SessionSnapshot) -> str:
    """Why Generate is disabled, in a few words; empty if it is not."""
    if not settings.engine:  # the one that was chosen is hidden by the preferences
        return rpt_("Choose an engine")
    if reason := _condition_reason(settings):
        return reason
    if settings.renders_control_map() and not selected_shapes():
        return rpt_("Select a rough shape that leads")
    if (
        settings.control_map_kind()
        and not settings.renders_control_map()
        and settings.guide_picture is None
    ):
        return rpt_("Choose the map, see Engine")
    if not settings.products:
        return rpt_("Choose splats, mesh or points")
    if import_hint(settings, now):
        return rpt_("Import weights of your own first, see Engine")
    if missing_checkpoints(settings, now):
        return rpt_("Download its checkpoints first")
    return ""


def _condition_reason(settings: SplatsmithSettings) -> str:
    """Which prompt, picture or class is missing, or does not go with the others."""
    card, group, given = engine_card(settings), engine_group(settings), settings.conditions()
    if card is None or group is None:
        return "" if given else rpt_("Type a prompt or choose a picture")
    try:
        card.check_conditions(card.variant(group.variant), given)
    except InvalidRequest as error:
        return rpt_(error.detail if given else error.remedy).removesuffix(".").removesuffix("。")
    return ""


def _settings(context: bpy.types.Context) -> SplatsmithSettings:
    return context.scene.splatsmith


CLASSES = (
    SPLATSMITH_OT_generate,
    SPLATSMITH_OT_generate_variations,
    SPLATSMITH_OT_batch,
    SPLATSMITH_OT_again,
    SPLATSMITH_OT_offer_as_asset,
    SPLATSMITH_OT_new_seed,
    SPLATSMITH_OT_cancel_job,
    SPLATSMITH_OT_remove_job,
    SPLATSMITH_OT_job_page,
    SPLATSMITH_OT_retry_job,
    SPLATSMITH_OT_repeat_with_new_seed,
    SPLATSMITH_OT_use_job_settings,
    SPLATSMITH_OT_import_job,
    SPLATSMITH_OT_show_files,
    SPLATSMITH_OT_start,
    SPLATSMITH_OT_stop,
    SPLATSMITH_OT_dismiss,
)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)


def unregister() -> None:
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
