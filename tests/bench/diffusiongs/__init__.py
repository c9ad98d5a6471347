"""DiffusionGS at full size with random weights, on a GPU: times and peak memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from tests.bench.figure import Figure

from .engine_times import Conditions, measure_variant
from .random_weights import FULL

VARIANTS = ("object-512", "object-256", "scene-512")


def figures() -> Iterator[Figure]:
    """None without a GPU: a CPU takes minutes for each."""
    if torch.cuda.is_available():
        for variant in VARIANTS:
            yield from measure_variant(variant, FULL, Conditions("cuda"))
