"""Objects of known surface: their selection, visibility, and clouds made of them."""

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

from .mesh_rendering import render_mesh
from .metrics import diagonal
from .surface_sampling import poisson_points, stratified_points, surface_splats

GAUSSIANS = 65_536
_POINTS = 200_000
_DISTANCE, _FOV = 3.2, 40.0  # the unit sphere with a little room
_VISIBILITY_VIEWS, _VISIBILITY_SIZE = 48, 384
_AT_SURFACE = 0.003  # of the diagonal, between a point and what a camera sees there


@dataclass(frozen=True)
class GroundTruth:
    """An object and points on its surface.

    Attributes:
        points: [P, 3], uniform by area.
        visible: [P] whether a camera around the object sees the point.
        diagonal: of its bounding box.
    """

    record: ObjectRecord
    mesh: Mesh
    points: NDArray[np.float32]
    visible: NDArray[np.bool_]
    diagonal: float

    def cloud(self) -> GaussianCloud:
        return object_cloud(self.record, self.mesh)


def object_cloud(record: ObjectRecord, mesh: Mesh) -> GaussianCloud:
    """Flat Gaussians on the object's whole surface; deterministic."""
    random = np.random.default_rng(list(record.id.encode()))
    return surface_splats(mesh, poisson_points(mesh, GAUSSIANS, random), random)


def select_objects(folder: Path, count: int) -> list[ObjectRecord]:
    """Objects of all categories in turn, alternately with and without a texture.

    Within a category they are ordered by the hash of their id.
    """
    textured = _textured(folder)
    groups: dict[tuple[str, bool], list[ObjectRecord]] = {}
    for record in sorted(read_index(folder), key=_hash):
        groups.setdefault((record.category, record.id in textured), []).append(record)
    categories = sorted({category for category, _ in groups})
    chosen = [
        groups[category, round_ % 2 == 0][round_ // 2]
        for round_ in range(-(-count // len(categories)))
        for category in categories
        if round_ // 2 < len(groups.get((category, round_ % 2 == 0), ()))
    ]
    return chosen[:count]


def _textured(folder: Path) -> set[str]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"] for row in csv.DictReader(file) if row["textured"] == "1"}


def _hash(record: ObjectRecord) -> str:
    return hashlib.sha256(record.id.encode()).hexdigest()


def load_ground_truth(folder: Path, record: ObjectRecord) -> GroundTruth:
    mesh = read_mesh(folder, record)
    random = np.random.default_rng(list(record.id.encode()))
    points = stratified_points(mesh, _POINTS, random).interpolate(mesh, mesh.vertices)
    size = diagonal(points)
    return GroundTruth(
        record, mesh, points, visible_from_outside(mesh, points, _AT_SURFACE * size), size
    )


def evaluation_cameras(count: int, size: int) -> Cameras:
    """Cameras evenly spread around the unit sphere (Fibonacci lattice)."""
    i = np.arange(count) + 0.5
    elevations = np.degrees(np.arcsin(1 - 2 * i / count))
    return orbit_cameras(np.degrees(i * np.pi * (3 - 5**0.5)), elevations, _DISTANCE, _FOV, size)


def visible_from_outside(
    mesh: Mesh, points: NDArray[np.float32], tolerance: float
) -> NDArray[np.bool_]:
    """Which of `points` [P, 3] on `mesh`, in the unit sphere, a camera around it sees."""
    cameras = evaluation_cameras(_VISIBILITY_VIEWS, _VISIBILITY_SIZE)
    visible = np.zeros(len(points), np.bool_)
    for view, k in zip(cameras.viewmats, cameras.Ks, strict=True):
        camera = Cameras(view[None], k[None], cameras.width, cameras.height)
        depths = render_mesh(mesh, camera, samples=1).depths[0]
        x, y, z = (points @ view[:3, :3].T + view[:3, 3]).T
        column = (k[0, 0] * x / z + k[0, 2]).astype(np.intp)
        row = (k[1, 1] * y / z + k[1, 2]).astype(np.intp)
        visible |= np.abs(depths[row, column] - z) <= tolerance
    return visible
