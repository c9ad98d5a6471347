"""The system's exceptions, mapped to errors that a user can act on."""

from __future__ import annotations

import errno
import re
import sqlite3

import pytest
import torch

from splatsmith.contract.problems import SplatsmithError
from splatsmith.errors import OutOfMemory, StorageFull, UnreadablePicture, to_problem, to_user_error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
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
def test_system_errors_have_a_remedy(
    error: Exception, kind: type[SplatsmithError], words: str
) -> None:
    user_error = to_user_error(error)

    assert isinstance(user_error, kind)
    assert re.search(words, user_error.detail)
    assert user_error.remedy


def test_torch_out_of_memory_on_the_cpu_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58)

    assert isinstance(to_user_error(caught.value), OutOfMemory)


def test_own_errors_are_returned_unchanged() -> None:
    error = UnreadablePicture("It is not a picture.")

    assert to_user_error(error) is error


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), RuntimeError("shape mismatch"), OSError("odd"), KeyError("k")]
)
def test_bugs_are_internal_errors(error: Exception) -> None:
    assert to_user_error(error) is None
    assert to_problem(error).code == "internal"
    assert type(error).__name__ in to_problem(error).detail
