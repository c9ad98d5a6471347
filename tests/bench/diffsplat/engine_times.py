"""Seconds and memory of one engine: cold, warm, and without CUDA graphs."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from splatsmith.contract.cards import Checkpoint, ConditionKind
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.diffsplat.base_models import BASE_MODELS
from splatsmith.engines.diffsplat.card import CARD
from splatsmith.engines.diffsplat.engine import load
from splatsmith.progress import silent
from splatsmith.settings import DATA_VARIABLE
from tests.backend.diffsplat.conftest import install
from tests.backend.diffsplat.tiny_checkpoints import Sizes, write_base_model, write_elevest
from tests.bench.figure import Figure

REPEATS = 5
TARGETS = {"sd15": 0.30, "pixart-sigma": 0.30, "sd35-medium": 0.90}  # seconds, on an H100
PEAKS = {"sd15": 4.0, "sd35-medium": 9.0}  # GB, with `memory` small
GIGABYTE = 1e9


def measure_variant(
    variant: str, sizes: Sizes, device: str, dtypes: Sequence[str] = ("bfloat16",)
) -> Iterator[Figure]:
    """Of text in each of `dtypes`, and of pictures and maps in the first."""
    with tempfile.TemporaryDirectory() as folder:
        data, repositories = Path(folder, "data"), Path(folder, "repositories")
        with patch.dict(os.environ, {DATA_VARIABLE: str(data)}):
            write_checkpoints(variant, repositories, sizes)
            for dtype in dtypes:
                yield from _measure_dtype(variant, device, dtype)
            yield from _measure_pictures(variant, device, dtypes[0])
        shutil.rmtree(repositories)


def write_checkpoints(variant: str, repositories: Path, sizes: Sizes) -> None:
    """Random weights under `repositories`, installed, except an optional T5."""
    torch.manual_seed(0)
    base_model = BASE_MODELS[variant]
    write_base_model(repositories, base_model, sizes)
    write_elevest(repositories, sizes.elevest)
    parameters = CARD.check_parameters(CARD.variant(variant), {"estimate_elevation": True})
    needed: set[Checkpoint] = set()
    for kind in (ConditionKind.TEXT, ConditionKind.IMAGE, *base_model.control_nets):
        given = frozenset({ConditionKind.TEXT, kind})
        needed |= set(CARD.variant(variant).required_checkpoints(given, parameters))
    for checkpoint in needed:
        install(checkpoint, repositories)
    if sizes.device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()  # without making the weights


class _Engine:
    """An engine whose jobs are timed, all networks on the GPU unless a parameter says otherwise."""

    def __init__(self, variant: str, dtype: str, device: str) -> None:
        self._variant = CARD.variant(variant)
        self._dtype = dtype
        self._engine = load(variant, device)

    def run(
        self,
        number: int,
        pictures: Mapping[ConditionKind, NDArray[np.uint8]] | None = None,
        **parameters: object,
    ) -> float:
        """Seconds of one job, to the cloud in the host's memory."""
        given = {"seed": number, "precision": self._dtype, "memory": "fast", **parameters}
        complete = CARD.check_parameters(self._variant, given)
        prompt = f"chair number {number}"
        inputs = EngineInputs(prompt, self._variant.id, pictures or {}, complete)
        start = time.perf_counter()
        self._engine.generate(inputs, silent())
        return time.perf_counter() - start

    def median(self) -> float:
        """Of jobs with different prompts, after a warm-up."""
        self.run(100)
        return statistics.median(self.run(1 + repeat) for repeat in range(REPEATS))

    def disable_graphs(self) -> None:
        """No CUDA graphs, no channels last."""
        cached = self._engine._guided  # noqa: SLF001
        assert cached is not None
        guided = cached[0].to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
        self._engine._guided = guided, guided  # noqa: SLF001


def _measure_dtype(variant: str, device: str, dtype: str) -> Iterator[Figure]:
    name = f"{variant} {dtype}"
    engine = _Engine(variant, dtype, device)
    yield Figure(f"{name}, weights on disk to first splats", engine.run(0), "s")
    yield from _peak(f"{name}, all networks kept", device)
    warm = engine.median()
    yield Figure(f"{name}, text to splats, warm", warm, "s", TARGETS[variant])
    engine.disable_graphs()
    plain = engine.median()
    yield Figure(f"{name}, plain eager loop, warm", plain, "s")
    yield Figure(f"{name}, times faster than the plain loop", plain / warm, "x")
    del engine
    yield from _measure_offload(name, variant, device, dtype)


def _measure_pictures(variant: str, device: str, dtype: str) -> Iterator[Figure]:
    """With a picture or a map, all networks on the GPU."""
    engine = _Engine(variant, dtype, device)
    cases: list[tuple[str, ConditionKind, dict[str, Any]]] = [
        ("text and a picture", ConditionKind.IMAGE, {}),
        ("its elevation estimated", ConditionKind.IMAGE, {"estimate_elevation": True}),
    ]
    kinds = BASE_MODELS[variant].control_nets
    cases += [(f"text and a map ({kind.value})", kind, {}) for kind in kinds]
    for name, condition, parameters in cases:
        pictures = {condition: _ball()}
        engine.run(100, pictures, **parameters)
        times = [engine.run(1 + repeat, pictures, **parameters) for repeat in range(REPEATS)]
        yield Figure(f"{variant} {dtype}, {name}, warm", statistics.median(times), "s")


def _ball() -> NDArray[np.uint8]:
    """A cut-out picture of a ball, RGBA [512, 512, 4]."""
    across, down = np.meshgrid(*[np.linspace(-1.25, 1.25, 512)] * 2)
    height = np.sqrt(np.clip(1 - across**2 - down**2, 0, None))
    layers = (across + 1.25, down + 1.25, height + 1, 2.0 * (height > 0))
    return (127 * np.clip(np.stack(layers, axis=2), 0, 2)).astype(np.uint8)


def _measure_offload(name: str, variant: str, device: str, dtype: str) -> Iterator[Figure]:
    if device == "cpu":
        return
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    engine = _Engine(variant, dtype, device)
    engine.run(0, memory="small")
    yield Figure(f"{name}, one network at a time, warm", engine.run(1, memory="small"), "s")
    yield from _peak(f"{name}, one network at a time", device, PEAKS.get(variant))
    del engine
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def _peak(name: str, device: str, target: float | None = None) -> Iterator[Figure]:
    if device != "cpu":
        peak = torch.cuda.max_memory_allocated() / GIGABYTE
        yield Figure(f"{name}, peak memory", peak, "GB", target)
