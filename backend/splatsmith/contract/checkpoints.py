"""Status of checkpoints on this machine, for the panel and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckpointState(StrEnum):
    ABSENT = "absent"
    PARTIAL = "partial"  # a download or an import was interrupted; downloads are resumed
    PRESENT = "here"  # complete: every file was checked when it was stored, and has its size
    DAMAGED = "damaged"  # a file has changed since


@dataclass(frozen=True)
class CheckpointStatus:
    """The status of the checkpoint `id`.

    size_bytes: of all its files; an estimate until a download or an import began.
    is_licence_accepted: the licence was accepted, or need not be.
    """

    id: str
    state: CheckpointState
    size_bytes: int
    present_bytes: int
    is_licence_accepted: bool
