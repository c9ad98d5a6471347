"""Progress reports and cancellation of a running job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .errors import Cancelled

ProgressCallback = Callable[[float, str], None]
PreviewCallback = Callable[[NDArray[np.uint8]], None]


def ignore_preview(_image: NDArray[np.uint8]) -> None:
    """Where nobody sees previews."""


@dataclass(frozen=True)
class Progress:
    """An interval `start`..`end` of a job's progress (0..1), for the code of one stage.

    report: called with the job's fraction and the stage. is_cancelled: called at every step.
    show_preview: called with pictures of the unfinished result.
    """

    report: ProgressCallback
    is_cancelled: Callable[[], bool]
    stage: str = ""
    start: float = 0.0
    end: float = 1.0
    show_preview: PreviewCallback = ignore_preview

    def part(self, stage: str, start: float, end: float) -> Progress:
        """The sub-interval `start`..`end` (0..1 of this one), under its own stage name."""
        span = self.end - self.start
        return replace(
            self, stage=stage, start=self.start + start * span, end=self.start + end * span
        )

    def step(self, done: int, total: int) -> None:
        """Report that `done` of `total` steps of this interval are finished.

        Raises:
            Cancelled: the user has cancelled the job.
        """
        if self.is_cancelled():
            raise Cancelled
        self.report(self.start + (self.end - self.start) * done / max(total, 1), self.stage)

    def preview(self, image: NDArray[np.uint8]) -> None:
        """Show a picture [H, W, 3] (sRGB) of the unfinished result; call it before `step`."""
        self.show_preview(image)


def silent() -> Progress:
    """Progress that reports nothing and is never cancelled."""
    return Progress(lambda fraction, stage: None, lambda: False)
