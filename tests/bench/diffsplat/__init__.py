"""DiffSplat at full size with random weights, on a GPU: times and peak memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from tests.bench.figure import Figure

from .engine_times import measure_variant
from .full_sizes import FULL

VARIANTS = ("sd15", "pixart-sigma", "sd35-medium")


def figures() -> Iterator[Figure]:
    """None without a GPU: a CPU takes minutes for each."""
    if torch.cuda.is_available():
        for variant in VARIANTS:
            yield from measure_variant(variant, FULL, "cuda")
