"""Exceptions of Python, the system and torch, told as the errors that a user can act on."""

from __future__ import annotations

import errno
import sqlite3

from .contract.problems import SplatsmithError
from .errors import OutOfMemory, StorageFull

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}

# torch's CPU allocator raises a plain RuntimeError.
ALLOCATION_WORDS = ("can't allocate memory", "not enough memory", "out of memory")


def explain(fault: BaseException) -> SplatsmithError | None:
    """The error to show for `fault`; None if it is a fault of the program itself."""
    if isinstance(fault, SplatsmithError):
        return fault
    if isinstance(fault, OSError) and (fault.errno in NO_ROOM | NO_PERMISSION or _is_cut(fault)):
        return _storage(fault)
    if isinstance(fault, sqlite3.OperationalError):
        return StorageFull(
            f"The list of jobs cannot be written: {fault}.",
            "Free some disk space, or check that the data folder may be written to.",
        )
    if is_memory_fault(fault):
        return OutOfMemory(
            "The job needs more memory than there is.",
            "Close other programs, lower the settings or choose a smaller engine.",
        )
    return None


def is_memory_fault(fault: BaseException) -> bool:
    """Whether an allocation failed, or a failed one was the cause.

    torch's own class is told by name: this stays torch-free.
    """
    if fault.__cause__ is not None and is_memory_fault(fault.__cause__):
        return True
    if isinstance(fault, MemoryError) or type(fault).__name__ == "OutOfMemoryError":
        return True
    text = str(fault).lower()
    return isinstance(fault, RuntimeError) and any(words in text for words in ALLOCATION_WORDS)


def _storage(fault: OSError) -> StorageFull:
    place = fault.filename or "the results"
    if fault.errno in NO_PERMISSION:
        return StorageFull(
            f"There is no permission to write {place}.", "Choose a folder that may be written to."
        )
    return StorageFull(f"No room is left to write {place}.", "Free some disk space.")


def _is_cut(fault: OSError) -> bool:
    """Whether numpy could write a part of an array only; it gives no errno."""
    return fault.errno is None and str(fault).endswith("written")
