"""Where tests of device code run: on the CPU always, on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
import torch

_MARKS = (
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
)
DEVICES = ["cpu", pytest.param("cuda", marks=_MARKS)]


Test = TypeVar("Test", bound=Callable[..., None])


def needs_cuda(test: Test) -> Test:
    """Mark a test that runs on a GPU alone."""
    for mark in _MARKS:
        test = mark(test)
    return test
