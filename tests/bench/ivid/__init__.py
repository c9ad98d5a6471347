"""ivid at full size with random weights: times of 27 views, and peak memory, on a GPU; warping."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from tests.bench.figure import Figure

from .engine_times import Conditions, measure_engine
from .random_weights import FULL
from .warping_times import measure_warping


def figures() -> Iterator[Figure]:
    """Without a GPU only the warping: a CPU takes hours for the networks."""
    yield from measure_warping(FULL.image_size)
    if torch.cuda.is_available():
        yield from measure_engine(FULL, Conditions("cuda"))
