"""One view warped from 26 others on the CPU, beside reading and writing all their samples once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np

from splatsmith.engines.ivid.aggregation import aggregate, mesh_arrays
from splatsmith.engines.ivid.cameras import GRID
from splatsmith.engines.ivid.depth_mesh import MeshOptions, mesh_of_view
from splatsmith.engines.ivid.view_chain import RgbdView, ViewChain
from splatsmith.engines.ivid.warping import render_settings, warped_view
from tests.bench.figure import Figure

REPEATS = 5
TARGET = 0.15  # seconds on two cores


def measure_warping(size: int) -> Iterator[Figure]:
    chain = example_chain(size)
    settings = render_settings(size)
    meshes = [mesh_of_view(view.depth, view.pose, MeshOptions()) for view in chain.views]
    arrays = mesh_arrays(meshes, np.stack([view.colors for view in chain.views]))
    seen = aggregate(arrays, GRID[-1], settings)
    whole = _seconds(lambda: chain.warped(GRID[-1]))
    yield Figure(f"a view of {size} from 26 others", whole, "s", TARGET if size == 128 else None)
    yield Figure(
        "of that, drawing and blending",
        _seconds(lambda: aggregate(arrays, GRID[-1], settings)),
        "s",
    )
    yield Figure(
        "of that, the condition from it", _seconds(lambda: warped_view(seen, MeshOptions())), "s"
    )
    view = chain.views[0]
    meshing = _seconds(lambda: mesh_of_view(view.depth, view.pose, MeshOptions()))
    yield Figure("a view's mesh", meshing, "s")
    samples = np.ones((len(meshes), settings.size**2, 4), np.float32)
    copying = _seconds(lambda: np.exp(samples).sum())
    yield Figure("exp of all samples by numpy, one thread", copying, "s")
    yield Figure("drawing and blending, times as long", whole / copying, "x")


def example_chain(size: int) -> ViewChain:
    """26 views of a wavy wall with a ball before it."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    ball = np.hypot(x, y) < 0.2
    codes = np.where(ball, 0.4 + x**2 + y**2, 0.65 + 0.02 * np.sin(20 * x)).astype(np.float32)
    chain = ViewChain("cpu")
    for index, pose in enumerate(GRID[:26]):
        colors = np.random.default_rng(index).random((size, size, 3)).astype(np.float32)
        chain.add(RgbdView(pose, colors, codes))
    return chain


def _seconds(work: Callable[[], object]) -> float:
    """The median, after a warm-up."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
