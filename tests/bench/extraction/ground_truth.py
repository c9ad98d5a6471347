"""Objects whose surface is known: which, what of them can be seen, and clouds made of them."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.gaussians.cameras import Cameras, orbit_cameras
from training.objects import Mesh, ObjectRecord, read_index, read_mesh

from .mesh_rendering import draw_mesh
from .metrics import diagonal
from .surface_sampling import evenly_spread, flat_gaussians, scattered

GAUSSIANS = 65_536
_POINTS = 200_000
_DISTANCE, _FOV = 3.2, 40.0  # the unit sphere with a little room
_LOOKS, _LOOK_SIZE = 48, 384
_AT_SURFACE = 0.003  # of the diagonal, between a point and what a camera sees there


@dataclass(frozen=True)
class Truth:
    """An object and points all over it.

    Attributes:
        points: [P, 3], as many anywhere for the area.
        seen: [P] whether some camera around the object sees the point.
        diagonal: of its bounding box.
    """

    record: ObjectRecord
    mesh: Mesh
    points: NDArray[np.float32]
    seen: NDArray[np.bool_]
    diagonal: float

    def cloud(self) -> GaussianCloud:
        """Its whole surface in flat Gaussians, the same every time."""
        random = np.random.default_rng(list(self.record.id.encode()))
        return flat_gaussians(self.mesh, evenly_spread(self.mesh, GAUSSIANS, random), random)


def choose(folder: Path, count: int) -> list[ObjectRecord]:
    """Objects of every category in turn: one with a texture each, then one without, and so on.

    The order within a category is that of their ids' hashes.
    """
    textured = _textured(folder)
    shelves: dict[tuple[str, bool], list[ObjectRecord]] = {}
    for record in sorted(read_index(folder), key=_hash):
        shelves.setdefault((record.category, record.id in textured), []).append(record)
    categories = sorted({category for category, _ in shelves})
    turns = [
        shelves[category, turn % 2 == 0][turn // 2]
        for turn in range(-(-count // len(categories)))
        for category in categories
        if turn // 2 < len(shelves.get((category, turn % 2 == 0), ()))
    ]
    return turns[:count]


def _textured(folder: Path) -> set[str]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"] for row in csv.DictReader(file) if row["textured"] == "1"}


def _hash(record: ObjectRecord) -> str:
    return hashlib.sha256(record.id.encode()).hexdigest()


def truth_of(folder: Path, record: ObjectRecord) -> Truth:
    mesh = read_mesh(folder, record)
    random = np.random.default_rng(list(record.id.encode()))
    points = scattered(mesh, _POINTS, random).of(mesh, mesh.vertices)
    size = diagonal(points)
    return Truth(record, mesh, points, seen_from_outside(mesh, points, _AT_SURFACE * size), size)


def all_around(count: int, size: int) -> Cameras:
    """Cameras around the unit sphere, evenly spread by Fibonacci's spiral."""
    i = np.arange(count) + 0.5
    elevations = np.degrees(np.arcsin(1 - 2 * i / count))
    return orbit_cameras(np.degrees(i * np.pi * (3 - 5**0.5)), elevations, _DISTANCE, _FOV, size)


def seen_from_outside(
    mesh: Mesh, points: NDArray[np.float32], tolerance: float
) -> NDArray[np.bool_]:
    """Which of `points` [P, 3] on `mesh`, in the unit sphere, some camera around it sees."""
    cameras = all_around(_LOOKS, _LOOK_SIZE)
    seen = np.zeros(len(points), np.bool_)
    for view, k in zip(cameras.viewmats, cameras.Ks, strict=True):
        camera = Cameras(view[None], k[None], cameras.width, cameras.height)
        depths = draw_mesh(mesh, camera, samples=1).depths[0]
        x, y, z = (points @ view[:3, :3].T + view[:3, 3]).T
        column = (k[0, 0] * x / z + k[0, 2]).astype(np.intp)
        row = (k[1, 1] * y / z + k[1, 2]).astype(np.intp)
        seen |= np.abs(depths[row, column] - z) <= tolerance
    return seen
