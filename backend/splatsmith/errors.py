"""The backend's own errors, and the mapping of other exceptions to them.

All are SplatsmithErrors (contract.problems draws the upper tree):

    SplatsmithError
    |- UnreadablePicture     not a picture, or one that cannot be used
    |- WeightsMissing        a checkpoint is not on this machine
    |- WeightsDamaged        a checkpoint is cut off, altered or of another model
    |- UnsafeWeights         a checkpoint's file holds code beside weights
    |- LicenceNotAccepted    a checkpoint's licence is still to be accepted
    |- HubRefused            the hub does not hand out a checkpoint
    |- HubUnreachable        the hub does not answer, or must not be asked
    |- OutOfMemory           the device's memory did not suffice
    |- StorageFull           no room, or no permission, to write results
    '- WorkerDied            the worker process ended in the middle of a job

`Cancelled` is not among them: it is no error, and becomes a job state.
"""

from __future__ import annotations

import errno
import sqlite3

from .contract.problems import Problem, SplatsmithError

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
PERMISSION_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}

# torch's CPU allocator raises a plain RuntimeError.
ALLOCATION_MESSAGES = ("can't allocate memory", "not enough memory", "out of memory")


class Cancelled(Exception):
    """Raised between two steps when the user has cancelled the job."""


class UnreadablePicture(SplatsmithError):
    """Raised when a file is not a picture, is too large, empty or fully transparent."""

    code = "unreadable-picture"
    title = "The picture cannot be used"
    status = 422


class WeightsMissing(SplatsmithError):
    """Raised when an engine's checkpoint is not on this machine."""

    code = "weights-missing"
    title = "The engine's weights are not here"
    status = 409


class WeightsDamaged(SplatsmithError):
    """Raised when a checkpoint is truncated, altered or belongs to another model."""

    code = "weights-damaged"
    title = "The engine's weights are damaged"
    status = 500


class UnsafeWeights(SplatsmithError):
    """Raised when a pickled checkpoint holds code, or anything else than weights."""

    code = "unsafe-weights"
    title = "The checkpoint is not safe"
    status = 422


class LicenceNotAccepted(SplatsmithError):
    """Raised when a checkpoint is to be downloaded whose licence nobody has accepted yet."""

    code = "licence-not-accepted"
    title = "A licence is to be accepted first"
    status = 409


class HubRefused(SplatsmithError):
    """Raised when the hub wants a token, grants no access, or does not have a file."""

    code = "hub-refused"
    title = "The hub refuses the download"
    status = 502


class HubUnreachable(SplatsmithError):
    """Raised when the hub does not answer, or when downloads are switched off."""

    code = "hub-unreachable"
    title = "The hub cannot be reached"
    status = 503


class OutOfMemory(SplatsmithError):
    """Raised when the device's memory does not suffice for the job."""

    code = "out-of-memory"
    title = "There is not enough memory"
    status = 507


class StorageFull(SplatsmithError):
    """Raised when results cannot be written: no room left, or no permission."""

    code = "storage-full"
    title = "The results cannot be written"
    status = 507


class WorkerDied(SplatsmithError):
    """Raised when the worker process ends in the middle of a job."""

    code = "worker-died"
    title = "The worker stopped"
    status = 500


def to_user_error(error: BaseException) -> SplatsmithError | None:
    """`error`, raised by Python, the system or torch, as one that a user can act on.

    None if it is a bug of the program.
    """
    if isinstance(error, SplatsmithError):
        return error
    if isinstance(error, OSError) and _is_storage_error(error):
        return _storage_error(error)
    if isinstance(error, sqlite3.OperationalError):
        return StorageFull(
            f"The list of jobs cannot be written: {error}.",
            "Free some disk space, or check that the data folder may be written to.",
        )
    if is_out_of_memory(error):
        return OutOfMemory(
            "The job needs more memory than there is.",
            "Close other programs, lower the settings or choose a smaller engine.",
        )
    return None


def internal_error(
    error: BaseException, remedy: str = "Please report it with the backend's log."
) -> SplatsmithError:
    """`error`, a bug of the program, as an error of the code "internal"."""
    return SplatsmithError(f"The program has a fault: {type(error).__name__}: {error}.", remedy)


def to_problem(error: BaseException) -> Problem:
    """The problem document for any exception."""
    return (to_user_error(error) or internal_error(error)).problem


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is a failed allocation, or was caused by one.

    torch's own class is recognised by its name: this module imports no torch.
    """
    if error.__cause__ is not None and is_out_of_memory(error.__cause__):
        return True
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        message in text for message in ALLOCATION_MESSAGES
    )


def _storage_error(error: OSError) -> StorageFull:
    place = error.filename or "the results"
    if error.errno in PERMISSION_DENIED:
        return StorageFull(
            f"There is no permission to write {place}.", "Choose a folder that may be written to."
        )
    return StorageFull(f"No room is left to write {place}.", "Free some disk space.")


def _is_storage_error(error: OSError) -> bool:
    # numpy sets no errno when it could write a part of an array only.
    is_short_write = error.errno is None and str(error).endswith("written")
    return is_short_write or error.errno in DISK_FULL | PERMISSION_DENIED
