"""Reading and writing splat files of a million Gaussians, compared with gsply and plyfile."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import gsply
import numpy as np
import plyfile

from splatsmith.contract.cloud import GaussianCloud, read_cloud, write_cloud
from splatsmith.contract.ply import open_vertices

from .figure import Figure

COUNT = 1_000_000
REPEATS = 3
LIST_BYTES = 30_000_000


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        for degree in (0, 3):
            yield from _compare(Path(folder) / f"degree{degree}.ply", degree)
        yield from _skip_lists(Path(folder) / "lists.ply")


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


def _skip_lists(path: Path) -> Iterator[Figure]:
    """Thirty megabytes of lists before a single vertex: all empty, and of 0 to 2 entries."""
    random = np.random.default_rng(0)
    for name, lengths in (
        ("30 M empty lists", np.zeros(LIST_BYTES, np.int64)),
        ("6 M lists of 0 to 2 entries", random.integers(0, 3, LIST_BYTES // 5)),
    ):
        begins = np.concatenate([[0], np.cumsum(1 + 4 * lengths)])
        data = np.zeros(begins[-1] + 4, np.uint8)  # and the vertex
        data[begins[:-1]] = lengths
        lines = ["ply", "format binary_little_endian 1.0", f"element face {len(lengths)}"]
        lines += ["property list uchar int i", "element vertex 1", "property float x", "end_header"]
        path.write_bytes("\n".join([*lines, ""]).encode() + data.tobytes())
        yield Figure(f"skip {name}", _best(lambda: list(open_vertices(path).blocks())), "s")
        yield Figure(f"skip {name}: memory", _traced_megabytes(path), "MB")


def _traced_megabytes(path: Path) -> float:
    tracemalloc.start()
    list(open_vertices(path).blocks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


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
