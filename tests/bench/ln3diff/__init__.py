"""LN3Diff at full size with random weights, on a GPU: times and peak memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from tests.bench.figure import Figure

from .engine_times import CASES, Conditions, measure


def figures() -> Iterator[Figure]:
    """None without a GPU: a CPU takes many minutes for each."""
    if torch.cuda.is_available():
        yield from measure(CASES, Conditions("cuda"))
