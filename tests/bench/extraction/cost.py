"""Plot how extraction's time grows, with the Gaussians and with the voxels at the surface.

python -m tests.bench.extraction.cost MEASURED.json PLOT.svg

Measures only what the first file does not hold yet, so that it can be stopped and gone on with.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import measuring
from .charts import Chart, Line, drawing
from .shapes import extent_and_area

_GAUSSIANS = [4096 * 4**i for i in range(5)]  # to 1,048,576
_RESOLUTIONS = (64, 96, 128, 192, 256, 384, 512)
_RESOLUTION = 256  # while the Gaussians grow
_MANY = 262_144  # Gaussians while the resolution grows
_COLORS = ("#d1495b", "#2e86ab", "#e3a018", "#3a7d44", "#7b5ea7", "#6b4f3a")
_SHOWN_STAGES = 5
_REPEATS = 2  # of which the faster counts: other programs only slow it down

Run = tuple[int, int]  # Gaussians, resolution
Measured = dict[Run, dict[str, float]]  # seconds by stage


def main(kept: Path, plot: Path) -> None:
    measured = _read(kept)
    for run in sorted(set(_runs()) - set(measured)):
        measured[run] = _measure(run)
        rows = [[*key, stages] for key, stages in measured.items()]
        kept.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    plot.write_text(drawing([_over_gaussians(measured), _over_voxels(measured)]), encoding="utf-8")


def _runs() -> Iterator[Run]:
    yield from ((count, _RESOLUTION) for count in _GAUSSIANS)
    yield from ((_MANY, resolution) for resolution in _RESOLUTIONS)


def _read(kept: Path) -> Measured:
    rows = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    return {(count, resolution): stages for count, resolution, stages in rows}


def _measure(run: Run) -> dict[str, float]:
    count, resolution = run
    with tempfile.TemporaryDirectory() as folder:
        cloud, mesh = f"{folder}/cloud.ply", f"{folder}/mesh.glb"
        measuring.run("shapes", [str(count), cloud])
        command = [cloud, mesh, "--resolution", str(resolution)]
        costs = [measuring.run("extracting", command) for _ in range(_REPEATS)]
    best = min(costs, key=lambda cost: cost.seconds)
    sys.stdout.write(f"{count:>9,} Gaussians, {resolution:>3} voxels {best.seconds:>8.2f} s\n")
    sys.stdout.flush()
    return best.stages


def _over_gaussians(measured: Measured) -> Chart:
    found = [(count, measured[count, _RESOLUTION]) for count in _GAUSSIANS]
    return Chart(f"{_RESOLUTION} voxels along the longest side", "Gaussians", _lines(found))


def _over_voxels(measured: Measured) -> Chart:
    extent, area = extent_and_area()
    found = [(area * (r / extent) ** 2, measured[_MANY, r]) for r in _RESOLUTIONS]
    return Chart(f"{_MANY:,} Gaussians", "voxels at the surface", _lines(found))


def _lines(found: list[tuple[float, dict[str, float]]]) -> list[Line]:
    """The total, the stages that take longest at the end, and what would be linear."""
    totals = [(x, sum(stages.values())) for x, stages in found]
    last = found[-1][1]
    longest = sorted(last, key=lambda stage: -last[stage])[:_SHOWN_STAGES]
    (first, seconds), end = totals[0], totals[-1][0]
    steepest = seconds * end / first
    reach = min(1.0, np.log(4 * totals[-1][1] / seconds) / np.log(steepest / seconds))
    ends = [(first, seconds), (first * (end / first) ** reach, seconds * (end / first) ** reach)]
    lines = [Line("linear", "#8a8f98", ends, dashed=True), Line("in all", "#1c1e21", totals)]
    for stage, color in zip(longest, _COLORS, strict=False):
        points = [(x, max(stages.get(stage, 0), 1e-2)) for x, stages in found]
        lines.append(Line(stage, color, points))
    return lines


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
