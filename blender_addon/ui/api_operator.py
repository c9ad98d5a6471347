"""What the operators have in common."""

from __future__ import annotations

import bpy

from ..contract.problems import SplatsmithError
from ..link.snapshot import BackendState, Snapshot
from .timer import redraw

DONE = {"FINISHED"}
STOPPED = {"CANCELLED"}


class Attempt:
    """An operator that does one thing with `api`, and says in one sentence why it could not."""

    def attempt(self, context: bpy.types.Context) -> None:
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self.attempt(context)
        except SplatsmithError as error:
            self.report({"ERROR"}, str(error))
            return STOPPED
        redraw()
        return DONE


def why_no_backend(now: Snapshot) -> str:
    """Why no order can be given, as a sentence; empty if one can."""
    if now.state is BackendState.NOT_INSTALLED:
        return "Install the backend first"
    if now.state is BackendState.INSTALLING:
        return "The backend is being installed"
    return ""
