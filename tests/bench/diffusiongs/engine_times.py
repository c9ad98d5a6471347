"""Seconds and memory of one variant: cold, warm, and without what makes it fast."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import scaled_dot_product_attention

from splatsmith.contract.cards import ConditionKind
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.diffusiongs import denoiser
from splatsmith.engines.diffusiongs.card import CARD, Subject
from splatsmith.engines.diffusiongs.denoiser import DenoiserConfig
from splatsmith.engines.diffusiongs.engine import DiffusionGS, load
from splatsmith.progress import Progress
from splatsmith.settings import DATA_VARIABLE
from tests.bench.figure import Figure

from .random_weights import write_weights

REPEATS = 3
STEPS = 30
TARGETS = {
    "object-512": 2.9,
    "scene-512": 2.9,
    "object-256": 0.5,
}  # seconds of the loop, on an H100
SMALL_PEAKS = {"object-512": 8.0, "scene-512": 8.0}  # GB
GIGABYTE = 1e9


@dataclass(frozen=True)
class Seconds:
    """Of one job.

    loop: from the first step's start to the last one's end on the device.
    whole: to the cloud in the host's memory.
    """

    loop: float
    whole: float


@dataclass(frozen=True)
class Conditions:
    """How a variant is measured; `once`: the first job alone, as a CPU takes minutes for one."""

    device: str
    dtypes: Sequence[str] = ("float16",)
    steps: int = STEPS
    once: bool = False


def measure_variant(
    variant: str, configs: Mapping[Subject, DenoiserConfig], conditions: Conditions
) -> Iterator[Figure]:
    """In each of the dtypes."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        with patch.dict(os.environ, {DATA_VARIABLE: str(data)}):
            write_weights(variant, configs, Path(folder, "weights"), conditions.device)
            for dtype in conditions.dtypes:
                measurement = _Measurement(variant, dtype, conditions.device, conditions.steps)
                yield from measurement.first() if conditions.once else measurement.figures()


@dataclass(frozen=True)
class _Measurement:
    variant: str
    dtype: str
    device: str
    steps: int

    @property
    def name(self) -> str:
        return f"{self.variant} {self.dtype}"

    def figures(self) -> Iterator[Figure]:
        yield from self._fast()
        if self.device != "cpu":
            yield from self._small()

    def first(self) -> Iterator[Figure]:
        yield from self._first(load(self.variant, self.device))

    def _first(self, engine: DiffusionGS) -> Iterator[Figure]:
        first = self._run(engine, 0)
        yield Figure(f"{self.name}, weights on disk to first splats", first.whole, "s")
        yield from self._peak("fast")

    def _fast(self) -> Iterator[Figure]:
        engine = load(self.variant, self.device)
        yield from self._first(engine)
        warm = self._median(engine)
        target = None if self.device == "cpu" else TARGETS.get(self.variant)
        yield Figure(f"{self.name}, loop, warm", warm.loop, "s", target)
        yield Figure(f"{self.name}, picture to splats, warm", warm.whole, "s")
        with plain_loop(engine):
            plain = self._median(engine)
        yield Figure(f"{self.name}, plain eager loop, warm", plain.loop, "s")
        yield Figure(f"{self.name}, times faster than the plain loop", plain.loop / warm.loop, "x")

    def _small(self) -> Iterator[Figure]:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        engine = load(self.variant, self.device)
        self._run(engine, 0, memory="small")
        warm = self._run(engine, 1, memory="small")
        yield Figure(f"{self.name}, memory small, picture to splats, warm", warm.whole, "s")
        yield from self._peak("small", SMALL_PEAKS.get(self.variant))
        del engine
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def _median(self, engine: DiffusionGS) -> Seconds:
        """Of jobs with different seeds, after a warm-up."""
        self._run(engine, 100)
        runs = [self._run(engine, 1 + repeat) for repeat in range(REPEATS)]
        return Seconds(*(statistics.median(each) for each in zip(*map(_pair, runs), strict=True)))

    def _run(self, engine: DiffusionGS, seed: int, memory: str = "fast") -> Seconds:
        given = {"seed": seed, "steps": self.steps, "precision": self.dtype, "memory": memory}
        complete = CARD.check_parameters(CARD.variant(self.variant), given)
        inputs = EngineInputs("", self.variant, {ConditionKind.IMAGE: ball()}, complete)
        ends: list[float] = []

        def report(fraction: float, _: str) -> None:
            if fraction in (0.0, 1.0):
                ends.append(self._now())

        start = time.perf_counter()
        engine.generate(inputs, Progress(report, lambda: False))
        return Seconds(ends[1] - ends[0], time.perf_counter() - start)

    def _now(self) -> float:
        """Once the device has done everything so far."""
        if self.device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter()

    def _peak(self, memory: str, target: float | None = None) -> Iterator[Figure]:
        if self.device != "cpu":
            peak = torch.cuda.max_memory_allocated()
        else:  # of the process, with making the weights
            peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield Figure(f"{self.name}, memory {memory}, peak", peak / GIGABYTE, "GB", target)


def _pair(seconds: Seconds) -> tuple[float, float]:
    return seconds.loop, seconds.whole


@contextmanager
def plain_loop(engine: DiffusionGS) -> Iterator[None]:
    """No CUDA graphs, and attention by the kernel that torch chooses by itself."""
    cache = engine._denoisers  # noqa: SLF001
    loaded = cache._loaded  # noqa: SLF001
    assert loaded is not None
    cache._loaded = replace(loaded, evaluate=loaded.network.denoise)  # noqa: SLF001
    with patch.object(denoiser, "attend", scaled_dot_product_attention):
        yield
    cache._loaded = loaded  # noqa: SLF001


def ball() -> NDArray[np.uint8]:
    """A cut-out picture of a ball, RGBA [512, 512, 4]."""
    across, down = np.meshgrid(*[np.linspace(-1.25, 1.25, 512)] * 2)
    height = np.sqrt(np.clip(1 - across**2 - down**2, 0, None))
    layers = (across + 1.25, down + 1.25, height + 1, 2.0 * (height > 0))
    return (127 * np.clip(np.stack(layers, axis=2), 0, 2)).astype(np.uint8)
