"""Seconds of 27 views by order and sampler, cold and warm, and peak memory."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import torch

from splatsmith.engines.base import EngineInputs
from splatsmith.engines.ivid.adm_unet import AdmUnetConfig
from splatsmith.engines.ivid.card import CARD, CLASS, CLASS_LABELS
from splatsmith.engines.ivid.engine import Ivid, load
from splatsmith.progress import silent
from splatsmith.settings import DATA_VARIABLE
from tests.bench.figure import Figure

from .random_weights import write_weights

GIGABYTE = 1e9
JOBS: dict[str, tuple[dict[str, object], float]] = {  # parameters, and the most seconds
    "published order, 1,000 and 26 x 50 steps": ({"steps": 1000, "view_steps": 50}, 24.0),
    "rings at once, 1,000 and 26 x 50 steps": (
        {"steps": 1000, "view_steps": 50, "order": "rings"},
        14.0,
    ),
    "fast, rings at once, 25 and 26 x 10 steps": (
        {"steps": 25, "view_steps": 10, "order": "rings", "sampler": "fast"},
        3.0,
    ),
    "fast, published order, 25 and 26 x 10 steps": (
        {"steps": 25, "view_steps": 10, "sampler": "fast"},
        3.0,
    ),
}


@dataclass(frozen=True)
class Conditions:
    """shortened: by what the steps are divided, for a rehearsal."""

    device: str
    dtype: str = "float16"
    shortened: int = 1


def measure_engine(config: AdmUnetConfig, conditions: Conditions) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        variables = {DATA_VARIABLE: str(Path(folder, "data"))}
        with patch.dict(os.environ, variables):
            write_weights(config, Path(folder, "weights"), conditions.device)
            yield from _measure_jobs(conditions)


def _measure_jobs(conditions: Conditions) -> Iterator[Figure]:
    engine = load(CLASS, conditions.device)
    is_full = conditions.device != "cpu" and conditions.shortened == 1
    for name, (parameters, target) in JOBS.items():
        first, warm = (_run(engine, conditions, parameters) for _ in range(2))
        yield Figure(f"{name}, first", first, "s")
        yield Figure(f"{name}, warm", warm, "s", target if is_full else None)
    yield Figure("peak memory", _peak(conditions.device) / GIGABYTE, "GB")


def _run(engine: Ivid, conditions: Conditions, parameters: dict[str, object]) -> float:
    shortened = {
        name: max(1, value // conditions.shortened) if isinstance(value, int) else value
        for name, value in parameters.items()
    }
    precision = "float32" if conditions.device == "cpu" else conditions.dtype
    given = {**shortened, "precision": precision, "memory": "fast"}
    complete = CARD.check_parameters(CARD.variant(CLASS), given)
    start = time.perf_counter()
    engine.generate(EngineInputs("", CLASS, {}, complete, CLASS_LABELS[0]), silent())
    if conditions.device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _peak(device: str) -> float:
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
