"""A whole job at full size with random weights: service, worker, engine, points, previews.

    python -m tests.bench.diffusiongs.service_times [VARIANT ...] [--tiny] [--device DEVICE]

Random weights give no object, so no mesh is asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.protocol import GenerateRequest, JobState, Product
from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.denoiser import DenoiserConfig
from splatsmith.settings import DATA_VARIABLE
from tests.backend.diffusiongs.tiny_denoisers import TINY
from tests.backend.service.service_process import RunningService, running_service

from ..figure import Figure
from . import VARIANTS
from .engine_times import STEPS, ball
from .random_weights import FULL, write_weights

PRODUCTS = (Product.SPLATS, Product.POINTS)


def measure_service(
    variant: str, configs: Mapping[Subject, DenoiserConfig], device: str, steps: int
) -> Iterator[Figure]:
    """A first and a second job."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        with patch.dict(os.environ, {DATA_VARIABLE: str(data)}):
            write_weights(variant, configs, Path(folder, "weights"), device)
            with running_service(data, "--device", device) as service:
                picture = service.upload_picture(Image.fromarray(np.asarray(ball())))
                for seed, name in enumerate(("first", "second")):
                    request = GenerateRequest(
                        engine="diffusiongs",
                        variant=variant,
                        pictures={ConditionKind.IMAGE: picture},
                        parameters={"seed": seed, "steps": steps},
                        products=PRODUCTS,
                    )
                    yield from _job(service, request, f"{variant}, {name} job")


def _job(service: RunningService, request: GenerateRequest, name: str) -> Iterator[Figure]:
    start = time.perf_counter()
    job = service.run(request)
    seconds = time.perf_counter() - start
    assert job.state is JobState.SUCCEEDED, job
    yield Figure(f"{name}: picture to splats, points and previews", seconds, "s")
    record = service.http.get(f"/v1/jobs/{job.id}/artifacts/job.json").raise_for_status().json()
    for stage, stage_seconds in record["seconds"].items():
        yield Figure(f"  {stage}", stage_seconds, "s")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("variants", nargs="*", default=VARIANTS, metavar="VARIANT")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args(arguments)
    configs = TINY if options.tiny else FULL
    for variant in options.variants:
        for figure in measure_service(variant, configs, options.device, options.steps):
            sys.stdout.write(f"{figure}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
