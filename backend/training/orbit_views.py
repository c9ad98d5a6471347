"""Views of objects from cameras on a circle, which metrics and retrieval are computed on."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.mesh_rasterizer import SIZE, render_view
from training.objects import ObjectRecord, read_mesh


@dataclass(frozen=True)
class Orbit:
    """Cameras at equal steps of azimuth, the first in front, at one elevation in degrees."""

    count: int
    elevation: float

    @property
    def azimuths(self) -> list[float]:
        return [360 / self.count * index for index in range(self.count)]


METRIC_ORBIT = Orbit(12, 15.0)
"""One view is the input picture, the others are the targets."""

RETRIEVAL_ORBIT = Orbit(4, 18.0)
"""Views by which objects are compared with each other."""


@dataclass(frozen=True)
class _RenderTask:
    objects: Path
    record: ObjectRecord
    orbit: Orbit


def _render(task: _RenderTask) -> np.ndarray:
    mesh = read_mesh(task.objects, task.record)
    elevation = task.orbit.elevation
    return np.stack([render_view(mesh, a, elevation)[0] for a in task.orbit.azimuths])


def render_orbits(objects: Path, records: list[ObjectRecord], orbit: Orbit) -> Tensor:
    """Premultiplied RGBA [O, V, 128, 128, 4] uint8 of the records, on all cores."""
    tasks = [_RenderTask(objects, record, orbit) for record in records]
    views = torch.empty(len(tasks), orbit.count, SIZE, SIZE, 4, dtype=torch.uint8)
    views[0] = torch.from_numpy(_render(tasks[0]))  # compile before the workers start
    with multiprocessing.get_context("spawn").Pool() as pool:
        for row, images in enumerate(pool.imap(_render, tasks[1:], chunksize=8), 1):
            views[row] = torch.from_numpy(images)
    return views


def as_images(views: Tensor) -> Tensor:
    """Premultiplied RGBA uint8 [..., H, W, 4] as [..., 4, H, W], 0..1."""
    return views.movedim(-1, -3).float() / 255
