"""Mesh and points from clouds of growing size, on the CPU."""

from __future__ import annotations

import time
from collections.abc import Iterator

from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.extraction.points import extract_points
from splatsmith.progress import silent
from tests.backend.gaussians.clouds import shell

from ..figure import Figure

TARGET_SECONDS = {16_384: 5.0}


def figures() -> Iterator[Figure]:
    extract_mesh(shell(1000), ExtractionOptions(), silent(), "cpu")  # compiles
    for count in (16_384, 65_536, 262_144):
        cloud = shell(count)
        start = time.perf_counter()
        extract_mesh(cloud, ExtractionOptions(), silent(), "cpu")
        seconds = time.perf_counter() - start
        yield Figure(f"mesh from {count:,} Gaussians", seconds, "s", TARGET_SECONDS.get(count))
        start = time.perf_counter()
        extract_points(cloud, ExtractionOptions(), silent())
        yield Figure(f"points from {count:,} Gaussians", time.perf_counter() - start, "s")
