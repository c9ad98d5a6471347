"""How far a job is, and whether it may go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import Cancelled

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Progress:
    """A slice of a job's progress bar, handed to whoever does that part of the work.

    `report(fraction, stage)` tells the outside; `is_cancelled()` is asked at every step.
    """

    report: Report
    is_cancelled: Callable[[], bool]
    stage: str = ""
    start: float = 0.0
    end: float = 1.0

    def part(self, stage: str, start: float, end: float) -> Progress:
        """The slice from `start` to `end` (0..1 of this one), under its own stage name."""
        span = self.end - self.start
        return Progress(
            self.report,
            self.is_cancelled,
            stage,
            self.start + start * span,
            self.start + end * span,
        )

    def step(self, done: int, total: int) -> None:
        """Say that `done` of `total` steps of this slice are finished.

        Raises:
            Cancelled: the user has cancelled the job.
        """
        if self.is_cancelled():
            raise Cancelled
        self.report(self.start + (self.end - self.start) * done / max(total, 1), self.stage)


def silent() -> Progress:
    """Progress that nobody watches and nobody cancels."""
    return Progress(lambda fraction, stage: None, lambda: False)
