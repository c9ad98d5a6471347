"""Whether what is about to be written fits on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import StorageFull

GIGABYTE = 1e9
SPARE = 200_000_000  # bytes that are left free


def check_room(folder: Path, needed: int) -> None:
    """Refuse to write `needed` bytes under `folder` if they do not fit.

    Raises:
        StorageFull: with both numbers.
    """
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if needed > 0 and needed + SPARE > free:
        raise StorageFull(
            f"{needed / GIGABYTE:,.1f} GB are to be written to {folder},"
            f" where {free / GIGABYTE:,.1f} GB are free.",
            "Make room, or have HF_HOME name a folder on another disk.",
        )
