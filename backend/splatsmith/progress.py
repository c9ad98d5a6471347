"""Progress reports and cancellation of a running job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import Cancelled

ProgressCallback = Callable[[float, str], None]


@dataclass(frozen=True)
class Progress:
    """An interval `start`..`end` of a job's progress (0..1), for the code of one stage.

    report: called with the job's fraction and the stage. is_cancelled: called at every step.
    """

    report: ProgressCallback
    is_cancelled: Callable[[], bool]
    stage: str = ""
    start: float = 0.0
    end: float = 1.0

    def part(self, stage: str, start: float, end: float) -> Progress:
        """The sub-interval `start`..`end` (0..1 of this one), under its own stage name."""
        span = self.end - self.start
        return Progress(
            self.report,
            self.is_cancelled,
            stage,
            self.start + start * span,
            self.start + end * span,
        )

    def step(self, done: int, total: int) -> None:
        """Report that `done` of `total` steps of this interval are finished.

        Raises:
            Cancelled: the user has cancelled the job.
        """
        if self.is_cancelled():
            raise Cancelled
        self.report(self.start + (self.end - self.start) * done / max(total, 1), self.stage)


def silent() -> Progress:
    """Progress that reports nothing and is never cancelled."""
    return Progress(lambda fraction, stage: None, lambda: False)
