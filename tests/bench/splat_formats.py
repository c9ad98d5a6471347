"""Size, time and loss of each splat format, for the tables of docs/formats.md."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.splat_formats import TRAITS, SplatFormat
from splatsmith.formats import read_splats, write_splats
from tests.backend.formats.comparison import deviation
from tests.backend.gaussians.clouds import shell

from .figure import Figure

COUNT = 50_000
FEW = 2_000  # whose losses are measured: far enough apart to be told from each other


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        for degree in (0, 3):
            cloud = _cloud(degree)
            for kind in SplatFormat:
                yield from _measure(kind, cloud, Path(folder))


def _measure(kind: SplatFormat, cloud: GaussianCloud, folder: Path) -> Iterator[Figure]:
    path = folder / f"splats{TRAITS[kind].suffixes[0]}"
    name = f"{TRAITS[kind].title}, degree {cloud.degree}"
    started = time.perf_counter()
    write_splats(path, [cloud], kind)
    written = time.perf_counter()
    read_splats(path)
    done = time.perf_counter()
    yield Figure(f"{name}: size of a Gaussian", path.stat().st_size / len(cloud), "bytes")
    yield Figure(f"{name}: write {len(cloud):,}", written - started, "s")
    yield Figure(f"{name}: read {len(cloud):,}", done - written, "s")
    few = cloud.select(np.arange(0, COUNT, COUNT // FEW))
    write_splats(path, [few], kind)
    for what, value in asdict(deviation(few, read_splats(path).cloud)).items():
        yield Figure(f"{name}: largest difference of {what}", value, "")


def _cloud(degree: int) -> GaussianCloud:
    """A colored shell with random opacities, and random harmonics of 0.1."""
    random = np.random.default_rng(0)
    harmonics = 0.1 * random.normal(size=(COUNT, (degree + 1) ** 2 - 1, 3))
    opacities = random.uniform(0.05, 0.99, COUNT)
    return replace(
        shell(COUNT),
        shN=harmonics.astype(np.float32),
        opacities=opacities.astype(np.float32),
    )
