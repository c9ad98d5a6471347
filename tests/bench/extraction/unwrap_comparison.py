"""Our UV unwrapping against xatlas, on surfaces of known objects, as a Markdown table.

python -m tests.bench.extraction.unwrap_comparison --objects FOLDER [--count N] [--faces N]

xatlas must be importable. Both methods run on one core, in turn on each object; the times are
processor time, which other programs on the machine hardly change.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.extraction.gaussian_source import GaussianSurfaceSource
from splatsmith.progress import silent
from training.objects import ObjectRecord, read_mesh

from . import profiled_process
from .ground_truth import object_cloud, select_objects
from .profiled_process import ProcessCost
from .uv_metrics import UvMapping, UvScore, score_mapping

METHODS = ("splatsmith", "xatlas")
IMPORTS = {"splatsmith": "splatsmith.extraction.atlas.unwrap", "xatlas": "xatlas"}
_IMPORT_RUNS = 5


@dataclass(frozen=True)
class Result:
    cost: ProcessCost
    score: UvScore

    @property
    def mebibytes(self) -> float:
        return (self.cost.peak - self.cost.base) / 2**20


COLUMNS: dict[str, Callable[[Result], float]] = {
    "time, s": lambda result: result.cost.seconds,
    "memory, MiB": lambda result: result.mebibytes,
    "L2 stretch": lambda result: result.score.l2,
    "L∞ stretch": lambda result: result.score.linf,
    "utilisation": lambda result: result.score.utilization,
    "charts": lambda result: result.score.charts,
    "seams": lambda result: result.score.seams,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--objects", type=Path, required=True, help="folder of known objects")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--faces", type=int, default=20_000)
    parsed = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    results: dict[str, list[Result]] = {method: [] for method in METHODS}
    for record in select_objects(parsed.objects, parsed.count):
        for method, result in _compare(parsed.objects, record, parsed.faces):
            results[method].append(result)
            cells = "".join(f"{value(result):>12.3f}" for value in COLUMNS.values())
            _write_line(f"{record.id[:32]:<34}{method:<12}{cells}")
    for line in markdown(results):
        _write_line(line)


def _compare(folder: Path, record: ObjectRecord, faces: int) -> Iterator[tuple[str, Result]]:
    source = GaussianSurfaceSource(object_cloud(record, read_mesh(folder, record)))
    options = ExtractionOptions(face_budget=faces)
    surface = source.colored_surface(options, silent(), "cpu").surface
    with tempfile.TemporaryDirectory() as scratch:
        given, atlas = Path(scratch) / "surface.npz", Path(scratch) / "atlas.npz"
        np.savez(given, vertices=surface.vertices, faces=surface.faces)
        for method in METHODS:
            cost = profiled_process.run("timed_unwrap", [method, str(given), str(atlas)])
            with np.load(atlas) as arrays:
                mapping = UvMapping(arrays["positions"], arrays["uvs"], arrays["faces"])
            yield method, Result(cost, score_mapping(mapping))


def markdown(results: dict[str, list[Result]]) -> Iterator[str]:
    """Medians over the objects, and the median of the ratios."""
    count = len(results["splatsmith"])
    yield f"\nMedians of {count} objects\n"
    yield f"| | {' | '.join(COLUMNS)} | import, s |"
    yield f"|---|{'---:|' * (len(COLUMNS) + 1)}"
    for method, found in results.items():
        medians = (f"{np.median([value(r) for r in found]):.3g}" for value in COLUMNS.values())
        yield f"| {method} | {' | '.join(medians)} | {_import_seconds(IMPORTS[method]):.2f} |"
    pairs = list(zip(*results.values(), strict=True))
    ratios = (
        f"{np.median([value(ours) / max(value(theirs), 1e-9) for ours, theirs in pairs]):.2f}"
        for value in COLUMNS.values()
    )
    yield f"| ratio | {' | '.join(ratios)} | |"


def _import_seconds(module: str) -> float:
    """Processor time of importing `module`, numpy being there already; least of some runs."""
    program = (
        "import time, numpy; start = time.process_time(); "
        f"import {module}; print(time.process_time() - start)"
    )
    runs = (
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
        for _ in range(_IMPORT_RUNS)
    )
    return min(float(run.stdout) for run in runs)


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    started = time.monotonic()
    main()
    _write_line(f"\n{time.monotonic() - started:.0f} s in all")
