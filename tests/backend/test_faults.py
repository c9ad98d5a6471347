"""The system's exceptions, told as errors that a user can act on."""

from __future__ import annotations

import errno
import re
import sqlite3

import pytest
import torch

from splatsmith.contract.problems import SplatsmithError
from splatsmith.error_mapping import explain
from splatsmith.errors import OutOfMemory, StorageFull, UnreadablePicture


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (OSError(errno.ENOSPC, "No space left", "a.ply"), StorageFull, "No room is left.*a.ply"),
        (OSError(errno.EFBIG, "File too large"), StorageFull, "No room is left"),
        (PermissionError(errno.EACCES, "denied", "b.ply"), StorageFull, "permission.*b.ply"),
        (OSError(errno.EROFS, "Read-only", "c.ply"), StorageFull, "permission.*c.ply"),
        (sqlite3.OperationalError("database or disk is full"), StorageFull, "disk is full"),
        (MemoryError(), OutOfMemory, "memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), OutOfMemory, "memory"),
    ],
)
def test_faults_of_the_machine_have_a_remedy(
    fault: Exception, kind: type[SplatsmithError], words: str
) -> None:
    known = explain(fault)

    assert isinstance(known, kind)
    assert re.search(words, known.detail)
    assert known.remedy


def test_torch_running_out_of_memory_on_the_cpu_is_told() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58)

    assert isinstance(explain(caught.value), OutOfMemory)


def test_our_own_errors_stay_as_they_are() -> None:
    error = UnreadablePicture("It is not a picture.")

    assert explain(error) is error


@pytest.mark.parametrize(
    "fault", [ZeroDivisionError(), RuntimeError("shape mismatch"), OSError("odd"), KeyError("k")]
)
def test_faults_of_the_program_are_not_explained_away(fault: Exception) -> None:
    assert explain(fault) is None
