"""The history: all jobs with large pictures, found by words, page by page."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import IntProperty, StringProperty

from .. import api
from ..contract.cards import EngineCard
from ..contract.protocol import GenerateRequest, JobState
from ..link.snapshot import BackendState, SessionSnapshot
from ..link.tracked_job import TrackedJob
from .job_list import JOB_ICONS, job_title
from .thumbnails import thumbnail_icon

COLUMNS, ROWS = 5, 2
JOBS_PER_PAGE = COLUMNS * ROWS
PICTURE_SCALE = 7.5  # icon heights
WIDTH = 46  # of the popup, in the same units
PANEL = "SPLATSMITH_PT_history"


def find_jobs(
    jobs: Iterable[TrackedJob], text: str, engines: Iterable[EngineCard] = ()
) -> list[TrackedJob]:
    """The jobs about assets and files that have all words of `text`, in any case.

    Words are looked for in a job's title, name, prompt, class, engine and state.
    """
    titles = {card.id: card.title for card in engines}
    words = text.casefold().split()
    return [
        job
        for job in jobs
        if not job.status.kind.is_about_checkpoints
        if all(word in _searched_text(job, titles) for word in words)
    ]


def page_of(jobs: Sequence[TrackedJob], page: int) -> Sequence[TrackedJob]:
    """The jobs of that page, the first of which is 1; of the last one if there are fewer."""
    page = min(page, page_count(len(jobs)))
    return jobs[(page - 1) * JOBS_PER_PAGE : page * JOBS_PER_PAGE]


def page_count(jobs: int) -> int:
    return max(1, -(-jobs // JOBS_PER_PAGE))


def job_details(job: TrackedJob, engines: Iterable[EngineCard] = ()) -> tuple[str, str]:
    """The engine, or what else the job is, and when it was ordered."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.status.created))
    if not isinstance(job.request, GenerateRequest):
        return job.status.kind.value.capitalize(), when
    engine = job.request.engine
    return next((e.title for e in engines if e.id == engine), engine), when


class SPLATSMITH_PT_history(bpy.types.Panel):
    """Drawn in the popup alone: no area has a panel in its header."""

    bl_idname = PANEL
    bl_label = "History"
    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"
    bl_ui_units_x = WIDTH

    def draw(self, context: bpy.types.Context) -> None:
        manager, now = context.window_manager, api.snapshot()
        jobs = find_jobs(now.jobs, manager.splatsmith_history_search, now.engines)
        _draw_head(self.layout, manager, len(jobs))
        grid = self.layout.grid_flow(
            row_major=True, columns=COLUMNS, even_columns=True, even_rows=True
        )
        shown = page_of(jobs, manager.splatsmith_history_page)
        for job in shown:
            _draw_job(grid.box(), job, now)
        for _ in range(-len(shown) % COLUMNS if shown else 0):
            grid.column()  # as wide as the others
        if not shown:
            self.layout.label(text=_empty_text(now), icon="INFO")


class SPLATSMITH_OT_history(bpy.types.Operator):
    bl_idname = "splatsmith.history"
    bl_label = "Splatsmith History"
    bl_description = "Show all jobs with large pictures, to import, repeat or place their results"

    def execute(self, context: bpy.types.Context) -> set[str]:
        _load_page(context.window_manager, context)
        return bpy.ops.wm.call_panel(name=PANEL, keep_open=True)


def _draw_head(layout: bpy.types.UILayout, manager: bpy.types.WindowManager, count: int) -> None:
    row = layout.row()
    row.prop(manager, "splatsmith_history_search", text="", icon="VIEWZOOM", placeholder="Search")
    pages = row.row()
    pages.ui_units_x = 14
    pages.prop(manager, "splatsmith_history_page")
    pages.label(text=iface_("of {}, {} jobs").format(page_count(count), count))


def _draw_job(box: bpy.types.UILayout, job: TrackedJob, now: SessionSnapshot) -> None:
    column = box.column(align=True)
    column.template_icon(thumbnail_icon(job) or _state_icon(job), scale=PICTURE_SCALE)
    column.label(text=job_title(job), translate=False)
    for line in job_details(job, now.engines):
        column.label(text=line, translate=False)
    if job.state is JobState.RUNNING and now.state is BackendState.RUNNING:
        column.progress(factor=job.status.progress, text="")
    else:
        _draw_buttons(column.row(align=True), job)


def _draw_buttons(row: bpy.types.UILayout, job: TrackedJob) -> None:
    """The same places in every cell; what a job cannot do is gray."""
    is_asset = job.state is JobState.SUCCEEDED and job.status.kind.makes_asset
    is_generation = isinstance(job.request, GenerateRequest)
    for name, icon, is_possible in (
        ("import_job", "IMPORT", is_asset),
        ("place_job", "CURSOR", is_asset),
        ("use_job_settings", "PREFERENCES", is_generation),
        ("repeat_with_new_seed", "FILE_REFRESH", is_generation and job.state.is_final),
        ("show_files", "FILE_FOLDER", is_asset),
    ):
        button = row.row(align=True)
        button.enabled = is_possible
        button.operator(f"splatsmith.{name}", text="", icon=icon).job = job.key


def _searched_text(job: TrackedJob, titles: dict[str, str]) -> str:
    texts = [job_title(job), job.title, job.state.value]
    if isinstance(job.request, GenerateRequest):
        made = job.request
        texts += [made.name, made.prompt, made.class_label, made.variant]
        texts += [made.engine, titles.get(made.engine, "")]
    return " ".join(texts).casefold()


def _state_icon(job: TrackedJob) -> int:
    icons = bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items
    return icons[JOB_ICONS[job.state]].value


def _empty_text(now: SessionSnapshot) -> str:
    if now.jobs:
        return iface_("No job has these words.")
    return iface_("There are no jobs yet: what you generate is listed here.")


def _load_page(manager: bpy.types.WindowManager, _context: bpy.types.Context) -> None:
    """Have the pictures of the shown page downloaded, as far as they are not here."""
    now = api.snapshot()
    jobs = find_jobs(now.jobs, manager.splatsmith_history_search, now.engines)
    api.load_previews(job.key for job in page_of(jobs, manager.splatsmith_history_page))


def _show_first_page(manager: bpy.types.WindowManager, _context: bpy.types.Context) -> None:
    manager.splatsmith_history_page = 1


def _draw_menu_entry(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator(SPLATSMITH_OT_history.bl_idname, icon="IMGDISPLAY")


CLASSES = (SPLATSMITH_PT_history, SPLATSMITH_OT_history)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)
    bpy.types.WindowManager.splatsmith_history_search = StringProperty(
        name="Search",
        description="Words of the prompt, the name, the class or the engine",
        options={"TEXTEDIT_UPDATE", "SKIP_SAVE"},
        update=_show_first_page,
    )
    bpy.types.WindowManager.splatsmith_history_page = IntProperty(
        name="Page", min=1, default=1, options={"SKIP_SAVE"}, update=_load_page
    )
    bpy.types.VIEW3D_MT_view.append(_draw_menu_entry)


def unregister() -> None:
    bpy.types.VIEW3D_MT_view.remove(_draw_menu_entry)
    del bpy.types.WindowManager.splatsmith_history_page
    del bpy.types.WindowManager.splatsmith_history_search
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
