"""Progress reports and cancellation of a running job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .errors import Cancelled

ProgressCallback = Callable[[float, str], None]
DrawPreview = Callable[[], NDArray[np.uint8]]
"""Draws a picture [H, W, 3] (sRGB) of the unfinished result."""


def ignore_preview(_draw: DrawPreview) -> None:
    """Where nobody sees previews."""


@dataclass(frozen=True)
class Progress:
    """An interval `start`..`end` of a job's progress (0..1), for the code of one stage.

    report: called with the job's fraction and the stage. is_cancelled: called at every step.
    offer_preview: called before `report` with what draws the unfinished result; it may call that
        until `report` returns.
    """

    report: ProgressCallback
    is_cancelled: Callable[[], bool]
    stage: str = ""
    start: float = 0.0
    end: float = 1.0
    offer_preview: Callable[[DrawPreview], None] = ignore_preview

    def part(self, stage: str, start: float, end: float) -> Progress:
        """The sub-interval `start`..`end` (0..1 of this one), under its own stage name."""
        span = self.end - self.start
        return replace(
            self, stage=stage, start=self.start + start * span, end=self.start + end * span
        )

    def step(self, done: int, total: int, draw_preview: DrawPreview | None = None) -> None:
        """Report that `done` of `total` steps of this interval are finished.

        Args:
            draw_preview: draws the unfinished result; called only if the picture is shown.

        Raises:
            Cancelled: the user has cancelled the job.
        """
        if self.is_cancelled():
            raise Cancelled
        if draw_preview is not None:
            self.offer_preview(draw_preview)
        self.report(self.start + (self.end - self.start) * done / max(total, 1), self.stage)


def silent() -> Progress:
    """Progress that reports nothing and is never cancelled."""
    return Progress(lambda fraction, stage: None, lambda: False)
