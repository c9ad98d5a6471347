"""Time by stage and peak memory of mesh extraction, for clouds of growing size.

python -m tests.bench.extraction.speed [GAUSSIANS ...]    instead of the default sizes
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..figure import Figure
from . import profiled_process

SIZES = (16_384, 65_536, 262_144)
TARGET_SECONDS = {16_384: 5.0, 262_144: 20.0}
TARGET_SECONDS_CUDA = {262_144: 2.0}
TARGET_GIB = {262_144: 2e9 / 2**30, 5_000_000: 8.0}
_GIB = 2**30


def figures(sizes: Sequence[int] = SIZES) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        for count in sizes:
            cloud, mesh = Path(folder) / "cloud.ply", Path(folder) / "mesh.glb"
            profiled_process.run("synthetic_clouds", [str(count), str(cloud)])
            profiled_process.run(
                "timed_extraction", [str(cloud), str(mesh), "--resolution", "64"]
            )  # compiles
            yield from _measure("cpu", count, cloud, mesh)
            if _has_cuda():
                yield from _measure("cuda", count, cloud, mesh)


def _measure(device: str, count: int, cloud: Path, mesh: Path) -> Iterator[Figure]:
    cost = profiled_process.run("timed_extraction", [str(cloud), str(mesh), "--device", device])
    targets = TARGET_SECONDS if device == "cpu" else TARGET_SECONDS_CUDA
    name = f"{count:,} Gaussians, {device}"
    yield Figure(f"{name}: 50k faces, 2k texture", cost.seconds, "s", targets.get(count))
    for stage, seconds in cost.stages.items():
        yield Figure(f"  {stage}", seconds, "s")
    if cost.peak:
        yield Figure(f"{name}: peak memory", cost.peak / _GIB, "GiB", TARGET_GIB.get(count))
        yield Figure(
            "  of it without Python and its libraries", (cost.peak - cost.base) / _GIB, "GiB"
        )


def _has_cuda() -> bool:
    import torch  # takes seconds to import

    return torch.cuda.is_available()


if __name__ == "__main__":
    for figure in figures([int(size) for size in sys.argv[1:]] or SIZES):
        sys.stdout.write(f"{figure}\n")
        sys.stdout.flush()
