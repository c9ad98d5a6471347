"""Free disk space, checked before writing."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import StorageFull

GIGABYTE = 1e9
RESERVED_BYTES = 200_000_000  # kept free


def check_free_space(folder: Path, size_bytes: int) -> None:
    """Refuse to write `size_bytes` under `folder` if they do not fit.

    Raises:
        StorageFull: with both numbers.
    """
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if size_bytes > 0 and size_bytes + RESERVED_BYTES > free:
        raise StorageFull(
            f"{size_bytes / GIGABYTE:,.1f} GB are to be written to {folder},"
            f" where {free / GIGABYTE:,.1f} GB are free.",
            "Make room, or have HF_HOME name a folder on another disk.",
        )
