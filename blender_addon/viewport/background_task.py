"""Work on a thread of its own, of which only the latest request counts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class LatestTask(Generic[Result]):
    """Runs one request at a time; one that waits is replaced by a later one.

    The thread ends when nothing waits, so that nothing has to be stopped at exit.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Callable[[], Result] | None = None
        self._results: list[Result] = []
        self._thread: threading.Thread | None = None

    def request(self, work: Callable[[], Result]) -> None:
        """Have `work` done, after what is being done now; it must not use bpy."""
        with self._lock:
            self._waiting = work
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    @property
    def is_busy(self) -> bool:
        with self._lock:
            return self._thread is not None

    @property
    def has_result(self) -> bool:
        with self._lock:
            return bool(self._results)

    def take(self) -> Result | None:
        """The latest result that was not taken yet."""
        with self._lock:
            return self._results.pop() if self._results else None

    def wait(self) -> None:
        """Wait until nothing is being done."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                result = work()
            except (ValueError, ArithmeticError, IndexError, MemoryError):
                log.exception("splats could not be sorted")
                continue
            with self._lock:
                self._results = [result]

    def _next(self) -> Callable[[], Result] | None:
        with self._lock:
            work, self._waiting = self._waiting, None
            if work is None:
                self._thread = None
            return work
