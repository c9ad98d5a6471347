"""The list of jobs below Generate, page by page."""

from __future__ import annotations

import time
from collections.abc import Sequence

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .. import api
from ..contract.problems import Problem
from ..contract.protocol import ConvertRequest, ExtractRequest, GenerateRequest, JobState, Product
from ..contract.splat_formats import SplatFormat
from ..link.job_groups import group_variations
from ..link.job_progress import queue_position, seconds_left
from ..link.snapshot import BackendState, SessionSnapshot
from ..link.tracked_job import TrackedJob
from .api_operator import translated_sentence
from .sidebar import draw_wrapped_text
from .thumbnails import thumbnail_icon
from .timer import import_hindrance

JOBS_PER_PAGE = 4
THUMBNAIL_SCALE, VARIATION_SCALE, UNFINISHED_SCALE = 2.6, 3.2, 8.0  # icon heights
_ASSET_BUTTONS = (("show_files", "FILE_FOLDER"), ("place_job", "CURSOR"), ("import_job", "IMPORT"))
JOB_ICONS = {
    JobState.QUEUED: "SORTTIME",
    JobState.RUNNING: "PLAY",
    JobState.SUCCEEDED: "CHECKMARK",
    JobState.FAILED: "ERROR",
    JobState.CANCELLED: "CANCEL",
}


def draw_jobs(layout: bpy.types.UILayout, context: bpy.types.Context, now: SessionSnapshot) -> None:
    """One page of the jobs, newest first, variations as one; nothing if there are none."""
    groups = group_variations(now.jobs)
    page = clamp_page(context.window_manager.splatsmith_job_page, len(groups))
    for first, *others in groups_on_page(groups, page):
        if others:
            draw_variations(layout.box(), (first, *others), now)
        else:
            _draw_job(layout.box(), context, first)
    if len(groups) > JOBS_PER_PAGE:
        _draw_pages(layout.row(align=True), page, len(groups))


def groups_on_page(
    groups: Sequence[tuple[TrackedJob, ...]], page: int
) -> Sequence[tuple[TrackedJob, ...]]:
    return groups[page * JOBS_PER_PAGE : (page + 1) * JOBS_PER_PAGE]


def clamp_page(page: int, count: int) -> int:
    """`page`, or the last one that `count` jobs have."""
    return max(0, min(page, (count - 1) // JOBS_PER_PAGE))


def job_line(job: TrackedJob, now: SessionSnapshot, hindrance: str) -> str:
    """What a job that has not come to an end does or waits for.

    hindrance: why no results can be imported now; empty if they can.
    """
    if job.state.is_final:
        is_coming = job.is_awaited and job.results is not None and job.error is None
        return hindrance if is_coming else ""
    if job.is_cancelling:
        return iface_("Cancelling")
    if now.state in (BackendState.STOPPED, BackendState.FAILED):
        return iface_("Paused until the backend is started")
    if job.state is JobState.RUNNING:
        return _progress_text(job, now)
    ahead = queue_position(job, now.jobs)
    if not ahead or not job.is_submitted:
        return iface_(job.stage or "Waiting")
    if ahead == 1:
        return iface_("Waiting: next")
    return iface_("Waiting: {} jobs before it").format(ahead)


def job_title(job: TrackedJob) -> str:
    if isinstance(job.request, ConvertRequest):
        comes_in = job.request.format is SplatFormat.PLY
        return (iface_("Import {}") if comes_in else iface_("Export {}")).format(job.title)
    if not isinstance(job.request, ExtractRequest):
        return job.title
    return extraction_title(job.request.products).format(job.title)


def extraction_title(products: Sequence[Product]) -> str:
    """The title of an extraction, with a place for that of the splats."""
    if set(products) == {Product.MESH, Product.POINTS}:
        return iface_("Mesh and points from {}")
    return iface_("Points from {}") if Product.POINTS in products else iface_("Mesh from {}")


def draw_status_bar(self: bpy.types.Header, _context: bpy.types.Context) -> None:
    """The running job's progress, in Blender's status bar."""
    now = api.snapshot()
    running = next((job for job in now.jobs if job.state is JobState.RUNNING), None)
    if running is None or now.state is not BackendState.RUNNING:
        return
    row = self.layout.row()
    row.ui_units_x = 14
    row.progress(
        factor=running.status.progress, text=f"{job_title(running)}: {job_line(running, now, '')}"
    )


def _draw_pages(row: bpy.types.UILayout, page: int, count: int) -> None:
    last = clamp_page(count, count)
    for icon, target in (("TRIA_LEFT", page - 1), ("TRIA_RIGHT", page + 1)):
        button = row.row(align=True)
        button.enabled = 0 <= target <= last
        button.operator("splatsmith.job_page", text="", icon=icon).page = max(0, target)
        if icon == "TRIA_LEFT":
            row.label(text=iface_("Page {} of {}, {} orders").format(page + 1, last + 1, count))
    row.operator("splatsmith.history", text="", icon="IMGDISPLAY")


def _draw_job(box: bpy.types.UILayout, context: bpy.types.Context, job: TrackedJob) -> None:
    picture = thumbnail_icon(job)
    if picture and job.unfinished is not None:
        box.template_icon(picture, scale=UNFINISHED_SCALE)
    row = box.row()
    if picture and job.unfinished is None:
        row.template_icon(picture, scale=THUMBNAIL_SCALE)
    column = row.column(align=True)
    title = column.row(align=True)
    title.label(text=job_title(job), icon="NONE" if picture else JOB_ICONS[job.state])
    if job.state.is_final:  # the title has the first line for itself
        buttons = column.row(align=True)
        buttons.label(text=_result_text(job))
        _draw_job_buttons(buttons, job)
    else:
        _draw_job_buttons(title, job)
    _draw_state(box, column, context, job)


def _draw_state(
    box: bpy.types.UILayout,
    column: bpy.types.UILayout,
    context: bpy.types.Context,
    job: TrackedJob,
) -> None:
    now = api.snapshot()
    line = job_line(job, now, import_hindrance())
    if job.state is JobState.RUNNING and now.state is BackendState.RUNNING:
        column.progress(factor=job.status.progress, text=line)
    elif line:
        draw_wrapped_text(column, context, line)
    elif (problem := _problem_of(job)) is not None:
        draw_wrapped_text(box.column(), context, translated_sentence(problem))
    else:
        imported = job.asset.notes if isinstance(job.asset, api.Asset) else ()
        draw_wrapped_text(column, context, " ".join((*job.status.notes, *imported)))


def draw_variations(
    box: bpy.types.UILayout, jobs: Sequence[TrackedJob], now: SessionSnapshot
) -> None:
    """One row of thumbnails, the oldest first, each above its buttons."""
    made = sum(job.state is JobState.SUCCEEDED for job in jobs)
    title = job_title(jobs[0])
    box.label(text=iface_("{}: {} of {} variations").format(title, made, len(jobs)))
    row = box.row()
    for job in reversed(jobs):
        column = row.column(align=True)
        picture = thumbnail_icon(job)
        if picture:
            column.template_icon(picture, scale=VARIATION_SCALE)
        else:
            column.label(text="", icon=JOB_ICONS[job.state])
        if job.state is JobState.RUNNING and now.state is BackendState.RUNNING:
            column.progress(factor=job.status.progress, text="")
        if job.state is JobState.SUCCEEDED:
            choice = column.row(align=True)
            choice.operator("splatsmith.import_job", text="", icon="IMPORT").job = job.key
            choice.operator("splatsmith.place_job", text="", icon="CURSOR").job = job.key
        _draw_job_buttons(column.row(align=True), job, is_variation=True)


def _draw_job_buttons(row: bpy.types.UILayout, job: TrackedJob, is_variation: bool = False) -> None:
    if not job.state.is_final:
        row.operator("splatsmith.cancel_job", text="", icon="X", emboss=False).job = job.key
        return
    names = [("remove_job", "TRASH")]
    if job.state is not JobState.SUCCEEDED:
        names.insert(0, ("retry_job", "LOOP_BACK"))
    elif job.status.kind.makes_asset:
        names[:0] = _ASSET_BUTTONS[: 1 if is_variation else 3]
    if isinstance(job.request, GenerateRequest):
        names[:0] = [("use_job_settings", "PREFERENCES"), ("repeat_with_new_seed", "FILE_REFRESH")]
    for name, icon in names:
        row.operator(f"splatsmith.{name}", text="", icon=icon, emboss=False).job = job.key


def _problem_of(job: TrackedJob) -> Problem | None:
    """Why the job failed, or why its results could not be imported or saved."""
    return job.status.problem or (job.error.problem if job.error else None)


def _progress_text(job: TrackedJob, now: SessionSnapshot) -> str:
    if not job.stage:
        return iface_("Getting ready")
    left = seconds_left(job, now.jobs, time.time())
    done = f"{iface_(job.stage)} {job.status.progress:.0%}"
    return done if left is None else iface_("{}, {} left").format(done, time_text(left))


def time_text(seconds: float) -> str:
    """In steps that do not flicker: "about 20 s", "about 3 min"."""
    if seconds < 5:
        return iface_("a few seconds")
    if seconds < 55:
        return iface_("about {} s").format(5 * round(seconds / 5))
    return iface_("about {} min").format(max(1, round(seconds / 60)))


def _result_text(job: TrackedJob) -> str:
    status = job.status
    if job.state is JobState.SUCCEEDED and status.started and status.finished:
        return iface_("{:.1f} s").format(status.finished - status.started)
    return iface_(job.state.value.capitalize())


def register() -> None:
    bpy.types.WindowManager.splatsmith_job_page = bpy.props.IntProperty(
        name="Page of Jobs", description="The page of jobs that the panel shows", min=0
    )
    bpy.types.STATUSBAR_HT_header.append(draw_status_bar)


def unregister() -> None:
    bpy.types.STATUSBAR_HT_header.remove(draw_status_bar)
    del bpy.types.WindowManager.splatsmith_job_page
