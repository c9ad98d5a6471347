"""The backend's own errors; all are SplatsmithErrors (contract.problems draws the upper tree).

    SplatsmithError
    |- UnreadablePicture     not a picture, or one that cannot be used
    |- WeightsMissing        a checkpoint is not on this machine
    |- WeightsDamaged        a checkpoint is cut off, altered or of another model
    |- LicenceNotAccepted    a checkpoint's licence is still to be accepted
    |- HubRefused            the hub does not hand out a checkpoint
    |- HubUnreachable        the hub does not answer, or must not be asked
    |- OutOfMemory           the device's memory did not suffice
    |- StorageFull           no room, or no permission, to write results
    '- WorkerDied            the worker process ended in the middle of a job

`Cancelled` is not among them: it is no fault, and becomes a job state.
"""

from __future__ import annotations

from .contract.problems import SplatsmithError


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
