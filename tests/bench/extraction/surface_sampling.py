"""Points and flat Gaussians on the surface of a mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from splatsmith.contract.cloud import SH_C0, GaussianCloud
from splatsmith.gaussians.numba_jit import Integers, jit
from training.objects import Mesh

from .mesh_colors import Spots, colors_of

_SPREAD = 0.5  # standard deviation over spacing: no gap between neighbours
_THICKNESS = 0.1  # of the spread
_OPACITIES = (0.9, 0.99)
_CANDIDATES = 5  # for each point that blue noise keeps
_GAP = 0.7  # least distance over mean spacing, so that just about all asked for find room


def face_areas(mesh: Mesh) -> NDArray[np.float64]:
    """[F]."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def face_normals(mesh: Mesh) -> NDArray[np.float32]:
    """Unit normals [F, 3]; of faces without an area (0, 0, 1)."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    flat = np.array([0.0, 0.0, 1.0])
    return np.where(length > 0, normals / np.maximum(length, 1e-300), flat).astype(np.float32)


def scattered(mesh: Mesh, count: int, random: np.random.Generator) -> Spots:
    """About `count` spots, each face its share by area, at random within; none in holes."""
    ends = np.cumsum(face_areas(mesh))
    marks = (np.arange(count) + random.random(count)) / count * ends[-1]
    faces = np.minimum(np.searchsorted(ends, marks, side="right"), len(ends) - 1)
    weights = random.random((count, 2), np.float32)
    outside = weights.sum(axis=1) > 1
    weights[outside] = 1 - weights[outside]
    spots = Spots(faces.astype(np.int32), weights)
    return spots.take(colors_of(mesh, spots)[:, 3] > 0)


def evenly_spread(mesh: Mesh, count: int, random: np.random.Generator) -> Spots:
    """At most `count` spots that keep a distance from each other, on each side of a sheet apart."""
    candidates = scattered(mesh, _CANDIDATES * count, random)
    order = random.permutation(len(candidates.faces))
    candidates = candidates.take(order)
    area = face_areas(mesh).sum() * len(order) / (_CANDIDATES * count)
    points = candidates.of(mesh, mesh.vertices)
    pairs = KDTree(points).query_pairs(_GAP * np.sqrt(area / count), output_type="ndarray")
    normals = face_normals(mesh)[candidates.faces]
    same_side = np.einsum("ij,ij->i", normals[pairs[:, 0]], normals[pairs[:, 1]]) > 0
    pairs = np.sort(pairs[same_side], axis=1)
    pairs = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    return candidates.take(np.flatnonzero(_first_come(pairs, len(order)))[:count])


@jit()
def _first_come(pairs: Integers, count: int) -> NDArray[np.bool_]:
    """Which of `count` stay when the later of a pair goes if the earlier stays.

    `pairs` [P, 2] has the earlier first and is sorted by the later.
    """
    stays = np.ones(count, np.bool_)
    for earlier, later in pairs:
        if stays[earlier]:
            stays[later] = False
    return stays


def flat_gaussians(mesh: Mesh, spots: Spots, random: np.random.Generator) -> GaussianCloud:
    """A closed skin of discs at `spots`, with the colours that the mesh has there."""
    area = face_areas(mesh).sum()
    spread = _SPREAD * np.sqrt(area / max(len(spots.faces), 1))
    count = len(spots.faces)
    return GaussianCloud(
        means=spots.of(mesh, mesh.vertices),
        quats=_turned_to(face_normals(mesh)[spots.faces]),
        scales=np.tile(np.float32(spread * np.array([1, 1, _THICKNESS])), (count, 1)),
        opacities=random.uniform(*_OPACITIES, count).astype(np.float32),
        sh0=((colors_of(mesh, spots)[:, :3] - 0.5) / np.float32(SH_C0)).astype(np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )


def _turned_to(normals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rotations [N, 4], wxyz, that lay the third axis along `normals`, whichever way round."""
    up = np.where(normals[:, 2:] < 0, -normals, normals)
    quats = np.stack([1 + up[:, 2], -up[:, 1], up[:, 0], np.zeros(len(up))], axis=1)
    return (quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32)
