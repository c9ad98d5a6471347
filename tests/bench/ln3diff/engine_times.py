"""Seconds and memory: cold, warm, as an eager loop, and with little memory.

Random weights give a field without a usable surface, so the mesh is that of a ball's triplane.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import torch

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.parameters import ParameterValue
from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.ln3diff.card import CARD
from splatsmith.engines.ln3diff.engine import LN3Diff, load
from splatsmith.engines.ln3diff.networks import Networks
from splatsmith.engines.ln3diff.triplane import PLANE_CHANNELS, PLANE_SIZE, PointMlp, Triplane
from splatsmith.engines.ln3diff.triplane_field import triplane_field
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.progress import silent
from splatsmith.representations.density_field import DensityField
from splatsmith.settings import DATA_VARIABLE
from tests.backend.ln3diff.tiny_checkpoints import install_all
from tests.bench.diffusiongs.engine_times import ball
from tests.bench.figure import Figure

REPEATS = 3
RESOLUTION = 192
FAST_PEAK, SMALL_PEAK = 8.0, 5.0  # GB, at most
GIGABYTE = 1e9


@dataclass(frozen=True)
class Case:
    """parameters: of the request. target: seconds to a mesh with texture, on an H100 or H200."""

    variant: str
    parameters: Mapping[str, ParameterValue]
    target: float


CASES = {
    "image dopri5": Case("image", {"solver": "dopri5"}, 1.5),
    "image euler 25": Case("image", {"solver": "euler", "steps": 25}, 0.7),
    "text 250": Case("text", {"steps": 250}, 1.8),
}


@dataclass(frozen=True)
class Conditions:
    device: str
    full_size: bool = True


def measure(cases: Mapping[str, Case], conditions: Conditions) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, _data_in(Path(name, "data")):
        install_all(Path(name, "weights"), full_size=conditions.full_size)
        mesh = _mesh_seconds(conditions.device)
        yield Figure(f"mesh at {RESOLUTION} with texture, of a ball's triplane", mesh, "s")
        for case_name, case in cases.items():
            yield from _Measurement(case_name, case, conditions, mesh).figures()


@contextmanager
def _data_in(folder: Path) -> Iterator[None]:
    with patch.dict(os.environ, {DATA_VARIABLE: str(folder)}):
        yield


@dataclass(frozen=True)
class _Measurement:
    name: str
    case: Case
    conditions: Conditions
    mesh: float

    def figures(self) -> Iterator[Figure]:
        target = self.case.target if self._is_on_gpu else None
        self._reset_peak()
        engine = load(self.case.variant, self.conditions.device)
        first = self._seconds(engine, 0)
        yield Figure(f"{self.name}, weights on disk to first triplane", first, "s")
        warm = self._median(engine)
        yield Figure(f"{self.name}, to triplane, warm", warm, "s")
        yield Figure(f"{self.name}, to mesh with texture, warm", warm + self.mesh, "s", target)
        yield from self._peak("fast", FAST_PEAK)
        with eager_loop():
            plain = self._median(load(self.case.variant, self.conditions.device))
        yield Figure(f"{self.name}, plain eager loop, to triplane, warm", plain, "s")
        yield Figure(f"{self.name}, times faster than the plain loop", plain / warm, "x")
        del engine
        self._reset_peak()
        small = load(self.case.variant, self.conditions.device)
        self._seconds(small, 0, memory="small")
        seconds = self._seconds(small, 1, memory="small")
        yield Figure(f"{self.name}, memory small, to triplane, warm", seconds, "s")
        yield from self._peak("small", SMALL_PEAK)

    @property
    def _is_on_gpu(self) -> bool:
        return self.conditions.device != "cpu"

    def _median(self, engine: LN3Diff) -> float:
        """Of jobs with different seeds, after a warm-up."""
        self._seconds(engine, 100)
        return statistics.median(self._seconds(engine, 1 + repeat) for repeat in range(REPEATS))

    def _seconds(self, engine: LN3Diff, seed: int, memory: str = "fast") -> float:
        given = {"seed": seed, "memory": memory, **self.case.parameters}
        variant = CARD.variant(self.case.variant)
        complete = CARD.check_parameters(variant, given)
        is_picture = ConditionKind.IMAGE in variant.conditions
        pictures = {ConditionKind.IMAGE: ball()} if is_picture else {}
        prompt = "" if is_picture else "a wooden chair"
        start = time.perf_counter()
        engine.generate(EngineInputs(prompt, variant.id, pictures, complete), silent())
        if self._is_on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def _reset_peak(self) -> None:
        if self._is_on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def _peak(self, memory: str, target: float) -> Iterator[Figure]:
        if self._is_on_gpu:
            peak = torch.cuda.max_memory_allocated()
            yield Figure(f"{self.name}, memory {memory}, peak", peak / GIGABYTE, "GB", target)
        else:  # of the process, with making the weights
            peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            yield Figure(f"{self.name}, memory {memory}, peak", peak / GIGABYTE, "GB")


@contextmanager
def eager_loop() -> Iterator[None]:
    """Without CUDA graphs."""
    with patch.object(Networks, "evaluation", lambda _networks, denoiser: denoiser.denoise):
        yield


def _mesh_seconds(device: str) -> float:
    """The second time, with everything compiled."""
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        field = DensityField(triplane_field(ball_triplane(device), level=0.0))
        extract_mesh(field, ExtractionOptions(resolution=RESOLUTION), silent(), device)
        seconds = time.perf_counter() - start
    return seconds


def ball_triplane(device: str) -> Triplane:
    """Its density falls with the distance from the middle, and is 0 at 0.3."""
    across = torch.linspace(-0.45, 0.45, PLANE_SIZE)
    falling = 0.06 - across**2 - across[:, None] ** 2  # the three planes' sum is 0.18 - 2 r^2
    planes = torch.zeros(3, PLANE_CHANNELS, PLANE_SIZE, PLANE_SIZE)
    planes[:, 0] = 100 * falling
    mlp = PointMlp().requires_grad_(False)
    for parameter in mlp.parameters():
        parameter.zero_()
    mlp.fc1.weight[0, 0], mlp.fc1.weight[1, 0] = 10.0, -10.0
    mlp.fc2.weight[0, 0], mlp.fc2.weight[0, 1] = 10.0, -10.0
    mlp.fc2.weight[1:, 0] = 1.0
    return Triplane(planes.to(device), mlp.to(device))
