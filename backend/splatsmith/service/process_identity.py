"""Identity of a process that survives the reuse of process ids."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class ProcessIdentity:
    """A process id together with when that process started (Unix seconds)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessIdentity:
        """The identity of a running process; by default of this one.

        Raises:
            psutil.NoSuchProcess: there is no such process.
        """
        process = psutil.Process(os.getpid() if pid is None else pid)
        return cls(process.pid, process.create_time())

    def is_alive(self) -> bool:
        """Whether the process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1.0
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
