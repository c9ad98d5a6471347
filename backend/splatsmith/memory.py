"""Whether there is room for what is about to be computed.

Systems promise more memory than they have and end the process that takes it; an estimate before
the work is the only moment at which a user can be told.
"""

from __future__ import annotations

import psutil

from .errors import OutOfMemory

_GIGABYTE = 1e9


def check_memory(needed: int, what: str, remedy: str) -> None:
    """Refuse work that needs about `needed` bytes if fewer are free.

    Args:
        what: the subject of the sentence, in the plural: "20,000,000 points".

    Raises:
        OutOfMemory: there is less.
    """
    free = psutil.virtual_memory().available
    if needed > free:
        raise OutOfMemory(
            f"{what} need about {needed / _GIGABYTE:.1f} GB of memory, "
            f"and {free / _GIGABYTE:.1f} GB are free.",
            remedy,
        )
