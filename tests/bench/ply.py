"""Reading and writing splat files of a million Gaussians, compared with gsply and plyfile."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gsply
import numpy as np
import plyfile

from splatsmith.contract.cloud import GaussianCloud, read_cloud, write_cloud

from .figure import Figure

COUNT = 1_000_000
REPEATS = 3


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        for degree in (0, 3):
            yield from _compare(Path(folder) / f"degree{degree}.ply", degree)


def _compare(path: Path, degree: int) -> Iterator[Figure]:
    cloud = _cloud(degree)
    name = f"1 M Gaussians of degree {degree}"
    yield Figure(f"write {name}", _best(lambda: write_cloud(path, cloud)), "s")
    theirs = path.with_suffix(".gsply.ply")
    yield Figure(f"write {name}, gsply", _best(lambda: _write_gsply(theirs, cloud)), "s")
    yield Figure(f"read {name}: checked, all values linear", _best(lambda: read_cloud(path)), "s")
    yield Figure(
        f"read {name}, gsply: logs and logits", _best(lambda: gsply.plyread(str(path))), "s"
    )
    yield Figure(f"read {name}, plyfile: one table", _best(lambda: _read_plyfile(path)), "s")


def _best(work: Callable[[], object]) -> float:
    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return min(once() for _ in range(REPEATS))


def _write_gsply(path: Path, cloud: GaussianCloud) -> None:
    logits = np.log(cloud.opacities / (1 - cloud.opacities))
    harmonics = cloud.shN if cloud.degree else None
    gsply.plywrite(
        str(path), cloud.means, np.log(cloud.scales), cloud.quats, logits, cloud.sh0, harmonics
    )


def _read_plyfile(path: Path) -> object:
    vertices = plyfile.PlyData.read(str(path))["vertex"].data
    return np.stack([vertices[name] for name in vertices.dtype.names], axis=1)


def _cloud(degree: int) -> GaussianCloud:
    random = np.random.default_rng(0)
    shapes = ((3,), (4,), (3,), (), (3,), ((degree + 1) ** 2 - 1, 3))
    arrays = [random.uniform(0.1, 0.9, (COUNT, *shape)).astype(np.float32) for shape in shapes]
    arrays[1] /= np.linalg.norm(arrays[1], axis=1, keepdims=True)
    return GaussianCloud(*arrays)
