"""Where a Blender's own backend keeps its jobs: one folder each, for two Blenders at once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

MAX_SLOTS = 32


@dataclass
class Slot:
    """A data folder that no other running Blender uses; the lock goes with the process."""

    folder: Path
    _lock: TextIO

    def release(self) -> None:
        self._lock.close()


def claim_slot(root: Path) -> Slot:
    """Take the first free folder under `root`: the same one as last time, unless it is in use.

    Raises:
        OSError: `root` cannot be written.
    """
    for number in range(1, MAX_SLOTS + 1):
        folder = root / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "in-use.lock").open("a", encoding="utf-8")
        if _try_lock(lock):
            return Slot(folder, lock)
        lock.close()
    raise OSError(f"All {MAX_SLOTS} folders under {root} are in use.")


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: TextIO) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: TextIO) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
