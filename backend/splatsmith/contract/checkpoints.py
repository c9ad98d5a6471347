"""Checkpoints as the panel and the command line list them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckpointState(StrEnum):
    ABSENT = "absent"
    PARTIAL = "partial"  # a download or an import was broken off; it goes on where it stopped
    PRESENT = "here"  # every file was checked when it came, and still has its size
    DAMAGED = "damaged"  # a file has changed since


@dataclass(frozen=True)
class CheckpointStatus:
    """What is on this machine of the checkpoint called `id`, in bytes.

    size_bytes: of all its files; an estimate until the hub or an import said it.
    is_licence_accepted: nothing is left to be accepted before a download.
    """

    id: str
    state: CheckpointState
    size_bytes: int
    present_bytes: int
    is_licence_accepted: bool
