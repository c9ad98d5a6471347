"""From random checkpoints on the disk to splats: cold, warm, and beside the plain loop."""

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
from splatsmith.engines.diffsplat.card import CARD
from splatsmith.engines.diffsplat.engine import DiffSplat, load
from splatsmith.engines.diffsplat.variants import FAMILIES
from splatsmith.progress import silent
from splatsmith.settings import DATA_VARIABLE
from tests.backend.diffsplat.conftest import install
from tests.backend.diffsplat.tiny_checkpoints import Sizes, write_elevest, write_family
from tests.bench.figure import Figure

REPEATS = 5
TARGETS = {"sd15": 0.30, "pixart-sigma": 0.30, "sd35-medium": 0.90}  # seconds, on an H100
PEAKS = {"sd15": 4.0, "sd35-medium": 9.0}  # GB, with `memory` small
GIGABYTE = 1e9


def measure_variant(
    variant: str, sizes: Sizes, device: str, dtypes: Sequence[str] = ("bfloat16",)
) -> Iterator[Figure]:
    """Times and memory of text to splats in each of `dtypes`, and of pictures and maps in one."""
    with tempfile.TemporaryDirectory() as folder:
        data, repositories = Path(folder, "data"), Path(folder, "repositories")
        with patch.dict(os.environ, {DATA_VARIABLE: str(data)}):
            write_checkpoints(variant, repositories, sizes)
            for dtype in dtypes:
                yield from _measure_dtype(variant, device, dtype)
            yield from _measure_shown(variant, device, dtypes[0])
        shutil.rmtree(repositories)


def write_checkpoints(variant: str, repositories: Path, sizes: Sizes) -> None:
    """Random weights under `repositories`, all of them installed but T5 where it may be missing."""
    torch.manual_seed(0)
    family = FAMILIES[variant]
    write_family(repositories, family, sizes)
    write_elevest(repositories, sizes.elevest)
    parameters = CARD.check_parameters({"estimate_elevation": True})
    needed: set[Checkpoint] = set()
    for shown in (ConditionKind.TEXT, ConditionKind.IMAGE, *family.control_nets):
        given = frozenset({ConditionKind.TEXT, shown})
        needed |= set(CARD.variant(variant).required_checkpoints(given, parameters))
    for checkpoint in needed:
        install(checkpoint, repositories)
    if sizes.device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()  # making the weights is no part of the engine


def _measure_dtype(variant: str, device: str, dtype: str) -> Iterator[Figure]:
    name = f"{variant} {dtype}"
    engine = load(variant, device)
    yield Figure(f"{name}, weights on disk to first splats", _run(engine, dtype, 0), "s")
    yield from _peak(f"{name}, all networks kept", device)
    warm = _median(engine, dtype)
    yield Figure(f"{name}, text to splats, warm", warm, "s", TARGETS[variant])
    _make_plain(engine)
    plain = _median(engine, dtype)
    yield Figure(f"{name}, plain eager loop, warm", plain, "s")
    yield Figure(f"{name}, times faster than the plain loop", plain / warm, "x")
    del engine
    yield from _smallest(name, variant, device, dtype)


def _measure_shown(variant: str, device: str, dtype: str) -> Iterator[Figure]:
    """The same when a picture or a map is given, the networks kept."""
    engine = load(variant, device)
    cases: list[tuple[str, ConditionKind, dict[str, Any]]] = [
        ("text and a picture", ConditionKind.IMAGE, {}),
        ("its elevation estimated", ConditionKind.IMAGE, {"estimate_elevation": True}),
    ]
    kinds = FAMILIES[variant].control_nets
    cases += [(f"text and a map ({kind.value})", kind, {}) for kind in kinds]
    for name, condition, more in cases:
        shown = {condition: _ball()}
        _run(engine, dtype, 100, shown, **more)
        times = [_run(engine, dtype, 1 + repeat, shown, **more) for repeat in range(REPEATS)]
        yield Figure(f"{variant} {dtype}, {name}, warm", statistics.median(times), "s")


def _ball() -> NDArray[np.uint8]:
    """A picture of one, cut out: RGBA [512, 512, 4]."""
    across, down = np.meshgrid(*[np.linspace(-1.25, 1.25, 512)] * 2)
    height = np.sqrt(np.clip(1 - across**2 - down**2, 0, None))
    layers = (across + 1.25, down + 1.25, height + 1, 2.0 * (height > 0))
    return (127 * np.clip(np.stack(layers, axis=2), 0, 2)).astype(np.uint8)


def _smallest(name: str, variant: str, device: str, dtype: str) -> Iterator[Figure]:
    if device == "cpu":
        return
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    engine = load(variant, device)
    _run(engine, dtype, 0, memory="small")
    yield Figure(
        f"{name}, one network at a time, warm", _run(engine, dtype, 1, memory="small"), "s"
    )
    yield from _peak(f"{name}, one network at a time", device, PEAKS.get(variant))
    del engine
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def _median(engine: DiffSplat, dtype: str) -> float:
    """Each time another prompt, which is read anew; the first runs are not counted."""
    _run(engine, dtype, 100)
    return statistics.median(_run(engine, dtype, 1 + repeat) for repeat in range(REPEATS))


def _run(
    engine: DiffSplat,
    dtype: str,
    number: int,
    shown: Mapping[ConditionKind, NDArray[np.uint8]] | None = None,
    **more: object,
) -> float:
    """Seconds of one job, to the cloud in the host's memory; `more` are parameters."""
    given = {"seed": number, "precision": dtype, "memory": "fast", **more}
    parameters = CARD.check_parameters(given)
    inputs = EngineInputs(f"chair number {number}", "", parameters=parameters, pictures=shown or {})
    start = time.perf_counter()
    engine.generate(inputs, silent())
    return time.perf_counter() - start


def _make_plain(engine: DiffSplat) -> None:
    """The same networks as they come: no recording, no channels last."""
    kept = engine._guided  # noqa: SLF001
    assert kept is not None
    guided = kept[0].to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    engine._guided = guided, guided  # noqa: SLF001


def _peak(name: str, device: str, target: float | None = None) -> Iterator[Figure]:
    if device != "cpu":
        peak = torch.cuda.max_memory_allocated() / GIGABYTE
        yield Figure(f"{name}, peak memory", peak, "GB", target)
