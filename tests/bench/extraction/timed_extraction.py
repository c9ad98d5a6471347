"""Extract a mesh from a splat file and say what each stage took.

python -m tests.bench.extraction.timed_extraction CLOUD MESH [--faces N] [--texture N] ...
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from splatsmith.contract.cloud import read_cloud
from splatsmith.contract.protocol import Closure, ExtractionOptions
from splatsmith.extraction.glb import write_glb
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.progress import Progress, silent
from tests.backend.gaussians.clouds import shell

from .profiled_process import Cost, StageClock, peak_memory, say

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
    asked = parser.parse_args(arguments)
    options = ExtractionOptions(
        face_budget=asked.faces,
        texture_size=asked.texture,
        resolution=asked.resolution,
        closure=asked.closure,
    )
    _load_compiled(asked.device)
    base = peak_memory()
    cloud = read_cloud(asked.cloud)
    clock = StageClock()
    mesh = extract_mesh(cloud, options, Progress(clock.listen, lambda: False), asked.device)
    clock.listen(1, "Writing the file")
    write_glb(asked.mesh, mesh)
    clock.listen(1, "")
    say(Cost(clock.seconds, peak_memory(), base))


def _load_compiled(device: str) -> None:
    """Compile every loop, or load it from numba's cache: a worker does so once."""
    with tempfile.TemporaryDirectory() as folder:
        mesh = extract_mesh(shell(1000), _WARM_UP, silent(), device)
        write_glb(Path(folder) / "mesh.glb", mesh)


if __name__ == "__main__":
    main()
