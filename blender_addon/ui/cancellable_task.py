"""Work on a thread of its own that says how far it is and can be cancelled; without bpy."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..contract.cloud import OnProgress

Work = Callable[[OnProgress], None]


class TaskCancelled(Exception):
    """Raised inside of work that was cancelled, at its next report of progress."""


class CancellableTask:
    """Runs `work`, which must not use bpy; begins at once.

    The thread is a daemon: it keeps nothing from ending.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._cancelled = threading.Event()
        self._share = 0.0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def share(self) -> float:
        """What is done, 0..1."""
        return self._share

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Have the work end soon; does not wait for it."""
        self._cancelled.set()

    def wait(self) -> None:
        """Wait for the end of the work, and raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._work(self._on_progress)
        except BaseException as error:  # noqa: BLE001  (raised where the task is waited for)
            self._error = error

    def _on_progress(self, share: float) -> None:
        self._share = share
        if self._cancelled.is_set():
            raise TaskCancelled
