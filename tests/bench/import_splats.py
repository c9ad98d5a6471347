"""Import of one million splats, file to object, against Blender's own import of the same file.

Each import is the first in a process of its own; the two alternate, so that both have the same
machine. What is measured is the whole call of `api.import_asset`, and of `wm.ply_import`, which
makes splats from Blender 5.3 on and a mesh of bare vertices before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from subprocess import PIPE

import bpy
import numpy as np

from blender_addon.contract.cloud import GaussianCloud, write_cloud

from .figure import Figure

try:
    import resource
except ImportError:  # Windows
    resource = None

COUNT = 1_000_000
ROUNDS = 5
MOST_TIME = {0: 1.2, 3: 1.0}  # of Blender's own, by degree
MOST_MEMORY = 1.1
MAKES_SPLATS = bpy.app.version >= (5, 3, 0)  # Blender's own import


def figures() -> Iterator[Figure]:
    """Medians of five processes each: seconds, peak memory, and their ratios to Blender's own."""
    with tempfile.TemporaryDirectory() as folder:
        for degree, most_time in MOST_TIME.items():
            file = str(Path(folder) / f"degree{degree}.ply")
            run_in_process("write", file, str(degree))
            yield from _compared(file, degree, most_time)


def _compared(file: str, degree: int, most_time: float) -> Iterator[Figure]:
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "blender": []}
    for _ in range(ROUNDS):
        for who, found in runs.items():
            found.append(json.loads(run_in_process(who, file).splitlines()[-1]))
    middle = {
        who: {name: median(run[name] for run in found) for name in found[0]}
        for who, found in runs.items()
    }
    ours, blender = middle["ours"], middle["blender"]
    yield Figure(f"1 M splats of degree {degree}, file to object", ours["seconds"], "s")
    yield Figure("  Blender's own import", blender["seconds"], "s")
    target = most_time if MAKES_SPLATS else None
    yield Figure("  ratio", ours["seconds"] / blender["seconds"], "times", target)
    yield Figure("  processor time, all threads", ours["processor"], "s")
    yield Figure("  Blender's own", blender["processor"], "s")
    yield Figure("  peak memory, Blender included", ours["peak"], "GB")
    yield Figure("  Blender's own import", blender["peak"], "GB")
    target = MOST_MEMORY if MAKES_SPLATS else None
    yield Figure("  ratio", ours["peak"] / blender["peak"], "times", target)


def run_in_process(*arguments: str) -> str:
    """Run this module in a new process."""
    command = [sys.executable, "-m", "tests.bench.import_splats", *arguments]
    return subprocess.run(command, check=True, stdout=PIPE, text=True, timeout=120).stdout


def measure(work: Callable[[], object]) -> dict[str, float]:
    """Seconds of `work`, processor seconds of all its threads, and the process's peak memory."""
    start, processor = time.perf_counter(), time.process_time()
    work()
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    return {"seconds": seconds, "processor": processor, "peak": peak_gigabytes()}


def peak_gigabytes() -> float:
    """Peak memory of this process; NaN on Windows."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: ru_maxrss is the parent's until the program has used more itself
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9
    if resource is None:
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def random_cloud(degree: int, count: int = COUNT) -> GaussianCloud:
    random = np.random.default_rng(0)
    quats = random.normal(size=(count, 4))
    return GaussianCloud(
        means=random.normal(size=(count, 3)).astype(np.float32),
        quats=(quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32),
        scales=random.uniform(0.001, 0.01, (count, 3)).astype(np.float32),
        opacities=random.uniform(0, 1, count).astype(np.float32),
        sh0=random.normal(size=(count, 3)).astype(np.float32),
        shN=random.normal(size=(count, (degree + 1) ** 2 - 1, 3)).astype(np.float32),
    )


def main(arguments: list[str]) -> None:
    match arguments:
        case ["write", path, number]:
            write_cloud(Path(path), random_cloud(int(number)))
            return
        case ["ours", path]:
            from blender_addon import api  # Blender's own import is measured without it

            found = measure(lambda: api.import_asset(path))
        case ["blender", path]:
            found = measure(lambda: bpy.ops.wm.ply_import(filepath=path))
        case _:
            raise SystemExit(f"not understood: {arguments}")
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)  # Blender's own end takes time, and would be the same


if __name__ == "__main__":
    main(sys.argv[1:])
