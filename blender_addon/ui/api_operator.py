"""The base class of the add-on's operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ..contract.problems import Problem, SplatsmithError
from ..link.snapshot import BackendState, SessionSnapshot
from .timer import redraw

FINISHED = {"FINISHED"}
CANCELLED = {"CANCELLED"}


class ApiOperator:
    """An operator that calls one function of `api` and reports its error, if it raises one."""

    def call_api(self, context: bpy.types.Context) -> None:
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self.call_api(context)
        except SplatsmithError as error:
            self.report({"ERROR"}, translated_sentence(error.problem))
            return CANCELLED
        redraw()
        return FINISHED


def translated_sentence(problem: Problem) -> str:
    """The sentence of `problem` in the interface's language, where its parts are translated."""
    return " ".join(rpt_(part) for part in (problem.detail, problem.remedy) if part)


def backend_unavailable_reason(now: SessionSnapshot) -> str:
    """Why no job can be submitted, as a sentence; empty if one can."""
    if now.state is BackendState.NOT_INSTALLED:
        return rpt_("Install the backend first")
    return ""


def use_property_split(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout


@contextmanager
def progress_cursor(context: bpy.types.Context) -> Iterator[Callable[[float], None]]:
    """Show progress at the cursor; yields what is told the share that is done, up to 1."""
    manager = context.window_manager
    manager.progress_begin(0, 1)
    try:
        yield manager.progress_update
    finally:
        manager.progress_end()


@contextmanager
def wait_cursor(context: bpy.types.Context) -> Iterator[None]:
    """Show the wait cursor, if there is a window."""
    if context.window is None:
        yield
        return
    context.window.cursor_set("WAIT")
    try:
        yield
    finally:
        context.window.cursor_set("DEFAULT")
