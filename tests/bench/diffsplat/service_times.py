"""A whole job at full size with random weights: service, worker, engine, mesh, GLB.

    python -m tests.bench.diffsplat.service_times [VARIANT ...] [--tiny] [--device DEVICE]

Random weights give no object; a mesh shows that all parts work together.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from splatsmith.contract.protocol import GenerateRequest, JobState, Product
from splatsmith.settings import DATA_VARIABLE
from tests.backend.diffsplat.tiny_checkpoints import TINY, Sizes
from tests.backend.service.service_process import RunningService, running_service

from ..figure import Figure
from . import VARIANTS
from .engine_times import write_checkpoints
from .full_sizes import FULL

PRODUCTS = (Product.SPLATS, Product.POINTS, Product.MESH)


def measure_service(variant: str, sizes: Sizes, device: str, dtype: str) -> Iterator[Figure]:
    """A first and a second job, with all products."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        with patch.dict(os.environ, {DATA_VARIABLE: str(data)}):
            write_checkpoints(variant, Path(folder, "repositories"), sizes)
            with running_service(data, "--device", device) as service:
                for seed, name in enumerate(("first", "second")):
                    yield from _job(service, variant, dtype, seed, f"{variant}, {name} job")


def _job(
    service: RunningService, variant: str, dtype: str, seed: int, name: str
) -> Iterator[Figure]:
    request = GenerateRequest(
        prompt="a wooden chair",
        engine="diffsplat",
        variant=variant,
        parameters={"seed": seed, "precision": dtype},
        products=PRODUCTS,
    )
    start = time.perf_counter()
    job = service.run(request)
    assert job.state is JobState.SUCCEEDED, job
    yield Figure(f"{name}: prompt to splats, points, mesh and previews", _since(start), "s")
    artifacts = f"/v1/jobs/{job.id}/artifacts"
    record = service.http.get(f"{artifacts}/job.json").raise_for_status().json()
    for stage, seconds in record["seconds"].items():
        yield Figure(f"  {stage}", seconds, "s")
    mesh = service.http.get(f"{artifacts}/mesh.glb").raise_for_status().content
    yield Figure("  mesh.glb", len(mesh) / 1e6, "MB")


def _since(start: float) -> float:
    return time.perf_counter() - start


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("variants", nargs="*", default=VARIANTS, metavar="VARIANT")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args(arguments)
    sizes = replace(TINY if options.tiny else FULL, device=options.device)
    dtype = "float32" if options.device == "cpu" else "bfloat16"
    for variant in options.variants:
        for figure in measure_service(variant, sizes, options.device, dtype):
            sys.stdout.write(f"{figure}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
