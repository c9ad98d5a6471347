"""A triplane's field: sampling, mesh, memory and splats, beside a plain loop over points.

    python -m tests.bench.ln3diff_field [--device cuda]

Sampling is of the recorded cases' field, of which no block is empty; the others are of a trained
one, a taxi.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
# This checkout's own code, whatever is installed.
sys.path[:0] = [path for path in (str(ROOT), str(ROOT / "backend")) if path not in sys.path]

from splatsmith.contract.protocol import ExtractionOptions  # noqa: E402
from splatsmith.engines.ln3diff.triplane import SURFACE_LEVEL, Triplane  # noqa: E402
from splatsmith.engines.ln3diff.triplane_field import triplane_field  # noqa: E402
from splatsmith.extraction.mesh import extract_mesh  # noqa: E402
from splatsmith.gaussians.cameras import orbit_cameras  # noqa: E402
from splatsmith.gaussians.rasterize import rasterize  # noqa: E402
from splatsmith.progress import silent  # noqa: E402
from splatsmith.representations.density_field import DensityField  # noqa: E402
from splatsmith.representations.field_rendering import render_field  # noqa: E402
from splatsmith.representations.field_volume import sample_field  # noqa: E402
from tests.backend.ln3diff.trained_triplanes import CASES_LEVEL, cases_triplane, trained_triplane  # noqa: E402
from tests.bench.extraction.profiled_process import peak_memory  # noqa: E402
from tests.bench.figure import Figure  # noqa: E402

RESOLUTIONS = (192, 256, 384, 512)
TRAINED = "taxi"
_TARGETS = {"cpu": 4.0, "cuda": 0.25}  # seconds for 192^3
_CHUNK = 1 << 16  # points of the published loop
_VIEWS, _SIZE = 8, 256  # of a turntable
_MEGABYTE = 1e6


def figures() -> Iterator[Figure]:
    """On the GPU if there is one."""
    yield from field_figures("cuda" if torch.cuda.is_available() else "cpu")


def field_figures(device: str) -> Iterator[Figure]:
    """Seconds are the best of two runs, the first of which compiles."""
    kind = device.partition(":")[0]
    cases = triplane_field(cases_triplane(device), CASES_LEVEL)
    ours = _seconds(lambda: sample_field(cases, 192, silent()), device)
    plain = _seconds(lambda: plain_grid(cases_triplane(device), 192), device)
    yield Figure(f"192^3 samples, {device}", ours, "s", _TARGETS.get(kind))
    yield Figure("  by a plain loop over points, densities alone", plain, "s")
    yield Figure("  ours, of the plain loop's time", ours / plain, "")
    trained = triplane_field(trained_triplane(TRAINED, device))
    yield Figure(
        "192^3 samples, trained",
        _seconds(lambda: sample_field(trained, 192, silent()), device),
        "s",
    )
    yield Figure("mesh with texture at 192", _seconds(lambda: _mesh(device), device), "s")
    for resolution in RESOLUTIONS:
        costs = _costs_in_a_process(resolution, device)
        yield Figure(f"host memory at {resolution}", costs["host"] / _MEGABYTE, "MB", 3000)
        if device != "cpu":
            yield Figure(f"GPU memory at {resolution}", costs["gpu"] / _MEGABYTE, "MB", 8000)
        yield Figure(f"  seconds at {resolution}", costs["seconds"], "s")
    for name, triplane, level in (
        ("cases", cases_triplane(device), CASES_LEVEL),
        ("trained", trained_triplane(TRAINED, device), SURFACE_LEVEL),
    ):
        error = splat_error(DensityField(triplane_field(triplane, level)), device)
        yield Figure(f"splats from the volume rendering, {name} field", error, "-dB", -27)


def splat_error(field: DensityField, device: str) -> float:
    """Negative PSNR of a turntable of splats against the field's volume rendering, over white."""
    cloud = field.gaussians(silent(), device)
    cameras = orbit_cameras(np.arange(_VIEWS) * 360 / _VIEWS, 15, 2.0, 32, _SIZE)
    marched = render_field(field.function, cameras, silent())
    truth = (
        marched.over(torch.ones(3, device=device)).reshape(_VIEWS, _SIZE, _SIZE, 3).cpu().numpy()
    )
    image = rasterize(cloud, cameras, device=device).colors
    return float(10 * np.log10(((image.clip(0, 1) - truth.clip(0, 1)) ** 2).mean()))


@torch.inference_mode()
def plain_grid(triplane: Triplane, resolution: int) -> torch.Tensor:
    """Densities [N, N, N] as the published program evaluates them."""
    axis = torch.linspace(-0.45, 0.45, resolution, device=triplane.planes.device)
    points = torch.cartesian_prod(axis, axis, axis)
    return torch.cat([triplane.evaluate(part)[0] for part in points.split(_CHUNK)])


def _mesh(device: str) -> None:
    field = DensityField(triplane_field(trained_triplane(TRAINED, device)))
    extract_mesh(field, ExtractionOptions(), silent(), device)


def _seconds(work: Callable[[], object], device: str) -> float:
    spent: list[float] = []
    for _ in range(2):
        _synchronize(device)
        start = time.perf_counter()
        work()
        _synchronize(device)
        spent.append(time.perf_counter() - start)
    return min(spent)


def _synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


def _costs_in_a_process(resolution: int, device: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.ln3diff_field", "--device", device]
    command += ["--costs-at", str(resolution)]
    ended = subprocess.run(command, capture_output=True, check=True, text=True)
    return json.loads(ended.stdout.splitlines()[-1])


def _costs(resolution: int, device: str) -> dict[str, float]:
    """Of the surface of the trained field, in this process: seconds, and peaks in bytes."""
    field = DensityField(triplane_field(trained_triplane(TRAINED, device)))
    start = time.perf_counter()
    field.colored_surface(ExtractionOptions(resolution=resolution), silent(), device)
    gpu = 0 if device == "cpu" else torch.cuda.max_memory_allocated(device)
    return {"seconds": time.perf_counter() - start, "host": peak_memory(), "gpu": gpu}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--costs-at", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.costs_at:
        sys.stdout.write(json.dumps(_costs(options.costs_at, options.device)) + "\n")
        return 0
    for figure in field_figures(options.device):
        sys.stdout.write(f"{figure}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
