"""Only one Blender at a time installs into a folder; another one waits for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import BinaryIO

from .environment import InstallCancelled
from .watched_process import ProgressCallback

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = "installation.lock"
POLL_SECONDS = 0.2
WAITING = "Another Blender is installing it"


@contextmanager
def installation_lock(folder: Path, report: ProgressCallback, cancelled: Event) -> Iterator[None]:
    """Hold the lock of `folder`; its owner's end releases it, whatever ended it.

    Raises:
        InstallCancelled: `cancelled` was set while another process held it.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("ab") as file:
        while not _try_lock(file):
            report(WAITING)
            if cancelled.wait(POLL_SECONDS):
                raise InstallCancelled
        yield


def _try_lock(file: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process holds it
        return False
    return True
