"""Checks of free memory before a computation starts.

Systems overcommit memory and kill the process that uses it; an estimate beforehand is the only
moment at which an error can be raised.
"""

from __future__ import annotations

import psutil

from .errors import OutOfMemory

GIGABYTE = 1e9


def check_memory(needed: int, what: str, remedy: str) -> None:
    """Raise if fewer than `needed` bytes are free.

    Args:
        what: the subject of the sentence, in the plural: "20,000,000 points".

    Raises:
        OutOfMemory: with both numbers.
    """
    free = psutil.virtual_memory().available
    if needed > free:
        raise OutOfMemory(
            f"{what} need about {needed / GIGABYTE:.1f} GB of memory, "
            f"and {free / GIGABYTE:.1f} GB are free.",
            remedy,
        )
