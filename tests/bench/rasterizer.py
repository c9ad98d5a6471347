"""Rasterisation on the CPU, compared with the torch reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from tests.backend.gaussians.clouds import random_cloud, shell
from tests.backend.gaussians.reference_rasterizer import rasterize_reference

from .figure import Figure

REPEATS = 10
SIZE = 256
TARGET_MS = 60.0


def figures() -> Iterator[Figure]:
    camera = orbit_cameras([30.0], 20.0, 3.0, 50.0, SIZE)
    surface = shell(65_536)
    ball = random_cloud(65_536, size=0.01)
    colored_ball = random_cloud(65_536, degree=3, size=0.01)
    start = time.perf_counter()
    rasterize(surface, camera)
    yield Figure("first picture, compiling or loading from the cache", _since(start), "ms")
    for name, cloud in (("surface", surface), ("ball", ball), ("ball, degree 3", colored_ball)):
        milliseconds = _best(lambda cloud=cloud: rasterize(cloud, camera))
        yield Figure(f"65,536 Gaussians at {SIZE}^2, {name}", milliseconds, "ms", TARGET_MS)
    yield from _compared_with_reference()


def _compared_with_reference() -> Iterator[Figure]:
    """The reference evaluates every Gaussian at every pixel, so the scene is small."""
    camera = orbit_cameras([30.0], 20.0, 3.0, 50.0, 64)
    cloud = shell(4096)
    ours = _best(lambda: rasterize(cloud, camera))
    theirs = _best(lambda: rasterize_reference(cloud, camera), repeats=2)
    yield Figure("4,096 Gaussians at 64^2", ours, "ms")
    yield Figure("4,096 Gaussians at 64^2, torch reference", theirs, "ms")
    yield Figure("times faster than the torch reference", theirs / ours, "x")
    gap = np.abs(rasterize(cloud, camera).colors - rasterize_reference(cloud, camera).colors)
    yield Figure("largest difference of a colour to the reference", float(gap.max()), "", 1.5 / 255)


def _best(work: Callable[[], object], repeats: int = REPEATS) -> float:
    times: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(_since(start))
    return min(times)


def _since(start: float) -> float:
    return 1000 * (time.perf_counter() - start)
