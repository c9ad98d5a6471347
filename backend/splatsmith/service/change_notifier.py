"""Notification of threads that something in the service has changed."""

from __future__ import annotations

from collections.abc import Callable


class ChangeNotifier:
    """Calls its subscribers after every change of jobs or workers in this process.

    They are called in the thread that made the change, and must return at once: set an event.
    """

    def __init__(self) -> None:
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> None:
        self._subscribers.append(callback)

    def notify(self) -> None:
        for callback in self._subscribers:
            callback()
