"""Extract a mesh from a splat file and report the time of each stage.

python -m tests.bench.extraction.timed_extraction CLOUD MESH [--faces N] [--texture N] ...
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from splatsmith.contract.cloud import read_cloud
from splatsmith.contract.protocol import Closure, ExtractionOptions
from splatsmith.extraction.gaussian_source import GaussianSurfaceSource
from splatsmith.extraction.glb import write_glb
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.progress import Progress, silent
from tests.backend.gaussians.clouds import shell

from .profiled_process import ProcessCost, StageClock, peak_memory, report_cost

_WARM_UP = ExtractionOptions(face_budget=500, texture_size=512, resolution=48)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cloud", type=Path)
    parser.add_argument("mesh", type=Path)
    parser.add_argument("--faces", type=int, default=50_000)
    parser.add_argument("--texture", type=int, default=2048)
    parser.add_argument("--resolution", type=int, default=0)
    parser.add_argument("--closure", type=Closure, default=Closure.AUTO)
    parser.add_argument("--device", default="cpu")
    parsed = parser.parse_args(arguments)
    options = ExtractionOptions(
        face_budget=parsed.faces,
        texture_size=parsed.texture,
        resolution=parsed.resolution,
        closure=parsed.closure,
    )
    _load_compiled(parsed.device)
    base = peak_memory()
    cloud = read_cloud(parsed.cloud)
    clock = StageClock()
    progress = Progress(clock.on_progress, lambda: False)
    mesh = extract_mesh(GaussianSurfaceSource(cloud), options, progress, parsed.device)
    clock.on_progress(1, "Writing the file")
    write_glb(parsed.mesh, mesh)
    clock.on_progress(1, "")
    report_cost(ProcessCost(clock.seconds, peak_memory(), base))


def _load_compiled(device: str) -> None:
    """Compile all loops, or load them from numba's cache, as a worker does once."""
    with tempfile.TemporaryDirectory() as folder:
        mesh = extract_mesh(GaussianSurfaceSource(shell(1000)), _WARM_UP, silent(), device)
        write_glb(Path(folder) / "mesh.glb", mesh)


if __name__ == "__main__":
    main()
