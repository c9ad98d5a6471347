"""Operators whose long work runs on a thread, while Blender shows how far it is; Esc cancels it."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ..contract.problems import SplatsmithError
from .api_operator import CANCELLED, ApiOperator, translated_sentence
from .cancellable_task import CancellableTask, Work

INTERVAL = 0.1  # seconds between two looks at the work
CANCEL_KEYS = {"ESC", "RIGHTMOUSE"}
VIEW_KEYS = {"MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "MOUSEMOVE", "TRACKPADPAN"}
RUNNING, PASSED_ON = {"RUNNING_MODAL"}, {"PASS_THROUGH"}


class ModalTaskOperator(ApiOperator):
    """An operator that does `long_work` before it is executed, and changes nothing meanwhile.

    What the work finds is kept by what finds it, so that `execute` alone is right too, only slower:
    scripts, background mode, and the panel Adjust Last Operation call that.
    """

    task_name: str  # for the status bar

    def long_work(self, context: bpy.types.Context) -> Work | None:
        """What takes long and uses no bpy; None if there is nothing.

        Raises:
            SplatsmithError: the operator cannot be executed.
        """
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if context.window is None or bpy.app.background:
            return self.execute(context)
        try:
            work = self.long_work(context)
        except SplatsmithError as error:
            self.report({"ERROR"}, translated_sentence(error.problem))
            return CANCELLED
        if work is None:
            return self.execute(context)
        self._task = CancellableTask(work)
        manager = context.window_manager
        self._timer = manager.event_timer_add(INTERVAL, window=context.window)
        manager.progress_begin(0, 1)
        manager.modal_handler_add(self)
        self._show(context)
        return RUNNING

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in CANCEL_KEYS and event.value == "PRESS":
            self.cancel(context)
            text = rpt_("{} was cancelled: nothing was changed")
            self.report({"INFO"}, text.format(rpt_(self.bl_label)))
            return CANCELLED
        if self._task.is_running:
            if event.type == "TIMER":
                self._show(context)
            return PASSED_ON if event.type in VIEW_KEYS else RUNNING
        self._end(context)
        self._task.wait()
        if not self.poll(context):
            return CANCELLED
        return self.execute(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """End the work; Blender calls it too, when a file is opened."""
        self._task.cancel()
        self._end(context)

    def _show(self, context: bpy.types.Context) -> None:
        share = self._task.share
        context.window_manager.progress_update(share)
        text = iface_("{}: {:.0f} %    Esc, right mouse button: cancel")
        name = iface_(self.task_name)
        context.workspace.status_text_set(text.format(name, 100 * share))

    def _end(self, context: bpy.types.Context) -> None:
        context.workspace.status_text_set(None)
        context.window_manager.progress_end()
        context.window_manager.event_timer_remove(self._timer)
