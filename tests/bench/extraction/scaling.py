"""Plot the time of extraction by number of Gaussians and by number of voxels at the surface.

python -m tests.bench.extraction.scaling MEASURED.json PLOT.svg

Runs only what the first file does not hold yet, so that it can be interrupted and resumed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import profiled_process
from .svg_plots import Line, Plot, to_svg
from .synthetic_clouds import extent_and_area

_GAUSSIANS = [4096 * 4**i for i in range(5)]  # to 1,048,576
_RESOLUTIONS = (64, 96, 128, 192, 256, 384, 512)
_FIXED_RESOLUTION = 256  # while the Gaussians grow
_FIXED_GAUSSIANS = 262_144  # while the resolution grows
_COLORS = ("#d1495b", "#2e86ab", "#d98c00", "#3a7d44", "#7b5ea7")  # of the longest stages
_LEAST = 0.1  # seconds; lower bound of the plot
_REPEATS = 2  # of which the fastest counts

Run = tuple[int, int]  # Gaussians, resolution
Measured = dict[Run, dict[str, float]]  # seconds by stage


def main(results: Path, plot: Path) -> None:
    measured = _read(results)
    for run in sorted(set(_runs()) - set(measured)):
        measured[run] = _measure(run)
        rows = [[*key, stages] for key, stages in measured.items()]
        results.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    plot.write_text(to_svg(_plots(measured)), encoding="utf-8")


def _runs() -> Iterator[Run]:
    yield from ((count, _FIXED_RESOLUTION) for count in _GAUSSIANS)
    yield from ((_FIXED_GAUSSIANS, resolution) for resolution in _RESOLUTIONS)


def _read(results: Path) -> Measured:
    rows = json.loads(results.read_text(encoding="utf-8")) if results.exists() else []
    return {(count, resolution): stages for count, resolution, stages in rows}


def _measure(run: Run) -> dict[str, float]:
    count, resolution = run
    with tempfile.TemporaryDirectory() as folder:
        cloud, mesh = f"{folder}/cloud.ply", f"{folder}/mesh.glb"
        profiled_process.run("synthetic_clouds", [str(count), cloud])
        command = [cloud, mesh, "--resolution", str(resolution)]
        costs = [profiled_process.run("timed_extraction", command) for _ in range(_REPEATS)]
    best = min(costs, key=lambda cost: cost.seconds)
    sys.stdout.write(f"{count:>9,} Gaussians, {resolution:>3} voxels {best.seconds:>8.2f} s\n")
    sys.stdout.flush()
    return best.stages


def _plots(measured: Measured) -> list[Plot]:
    extent, area = extent_and_area()
    growing = [(float(count), measured[count, _FIXED_RESOLUTION]) for count in _GAUSSIANS]
    finer = [(area * (r / extent) ** 2, measured[_FIXED_GAUSSIANS, r]) for r in _RESOLUTIONS]
    stages = growing[-1][1] | finer[-1][1]
    longest = sorted(stages, key=lambda stage: -stages[stage])[: len(_COLORS)]
    colors: dict[str, str] = dict(zip(longest, _COLORS, strict=False))
    return [
        Plot(
            f"{_FIXED_RESOLUTION} voxels along the longest side",
            "Gaussians",
            _lines(growing, colors),
        ),
        Plot(f"{_FIXED_GAUSSIANS:,} Gaussians", "voxels at the surface", _lines(finer, colors)),
    ]


def _lines(found: list[tuple[float, dict[str, float]]], colors: dict[str, str]) -> list[Line]:
    """The total, a linear reference, and the stages that have a colour."""
    totals = [(x, sum(stages.values())) for x, stages in found]
    (first, _), (end, seconds) = totals[0], totals[-1]
    start = max(first, end * _LEAST / seconds)
    linear = [(end, seconds), (start, seconds * start / end)]
    lines = [Line("in all", "#1c1e21", totals), Line("– – linear", "#8a8f98", linear, dashed=True)]
    for stage, color in colors.items():
        points = [(x, max(stages.get(stage, 0), _LEAST)) for x, stages in found]
        lines.append(Line(stage, color, points))
    return lines


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
