"""Import of one million splats from a file to an object, against only reading the file's bytes.

Each degree is measured in a process of its own, because of the peak memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import bpy
import numpy as np

from blender_addon.contract.cloud import GaussianCloud, read_cloud, write_cloud
from blender_addon.scene.splats import add_splats

from .figure import Figure

try:
    import resource
except ImportError:  # Windows
    resource = None

COUNT = 1_000_000
ROUNDS = 3
SECONDS = {0: 0.2, 3: 0.8}
GIGABYTES = 0.9


def figures() -> Iterator[Figure]:
    """Seconds, the ratio to `numpy.fromfile` plus a copy, and the process's peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        for degree, target in SECONDS.items():
            file = str(Path(folder) / f"degree{degree}.ply")
            run_in_process("write", file, str(degree))
            found = json.loads(run_in_process("measure", file).splitlines()[-1])
            name = f"1 M splats of degree {degree}, file to object"
            yield Figure(name, found["seconds"], "s", target)
            yield Figure("  against numpy.fromfile and a copy", found["ratio"], "times")
            yield Figure("  peak memory, Blender included", found["peak"], "GB", GIGABYTES)


def run_in_process(*arguments: str) -> str:
    """Run this module in a new process."""
    command = [sys.executable, "-m", "tests.bench.import_splats", *arguments]
    return subprocess.run(command, check=True, stdout=PIPE, text=True, timeout=120).stdout


def measure(file: Path) -> dict[str, float]:
    """Import `file` several times; the peak memory is that of the first."""
    first = time_import(file)
    peak = peak_gigabytes()
    seconds = min(first, *(time_import(file) for _ in range(ROUNDS - 1)))
    plain = min(time_plain_read(file) for _ in range(ROUNDS))
    return {"seconds": seconds, "ratio": seconds / plain, "peak": peak}


def time_import(file: Path) -> float:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    start = time.perf_counter()
    add_splats(read_cloud(file), file.stem, bpy.context.scene.collection)
    return time.perf_counter() - start


def time_plain_read(file: Path) -> float:
    start = time.perf_counter()
    np.fromfile(file, np.uint8).copy()
    return time.perf_counter() - start


def peak_gigabytes() -> float:
    """Peak memory of this process; NaN on Windows."""
    if resource is None:
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def random_cloud(degree: int) -> GaussianCloud:
    random = np.random.default_rng(0)
    quats = random.normal(size=(COUNT, 4))
    return GaussianCloud(
        means=random.normal(size=(COUNT, 3)).astype(np.float32),
        quats=(quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32),
        scales=random.uniform(0.001, 0.01, (COUNT, 3)).astype(np.float32),
        opacities=random.uniform(0, 1, COUNT).astype(np.float32),
        sh0=random.normal(size=(COUNT, 3)).astype(np.float32),
        shN=random.normal(size=(COUNT, (degree + 1) ** 2 - 1, 3)).astype(np.float32),
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", path, number]:
            write_cloud(Path(path), random_cloud(int(number)))
        case ["measure", path]:
            sys.stdout.write(json.dumps(measure(Path(path))) + "\n")
