"""Sample points and flat Gaussians on the surface of a mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from splatsmith.contract.cloud import SH_C0, GaussianCloud
from splatsmith.gaussians.numba_jit import Integers, jit
from training.objects import Mesh

from .mesh_colors import MeshPoints, sample_colors

_SPREAD = 0.5  # standard deviation, by the distance of neighbours: no gaps
_THICKNESS = 0.1  # of the sigma
_OPACITIES = (0.9, 0.99)
_CANDIDATES = 5  # for each point that Poisson-disk sampling keeps
_GAP = 0.7  # least distance by the mean one, so that nearly all points fit


def face_areas(mesh: Mesh) -> NDArray[np.float64]:
    """[F]."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def face_normals(mesh: Mesh) -> NDArray[np.float32]:
    """Unit normals [F, 3]; (0, 0, 1) for degenerate faces."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    flat = np.array([0.0, 0.0, 1.0])
    return np.where(length > 0, normals / np.maximum(length, 1e-300), flat).astype(np.float32)


def stratified_points(mesh: Mesh, count: int, random: np.random.Generator) -> MeshPoints:
    """About `count` points, stratified over the faces by area; none in holes."""
    ends = np.cumsum(face_areas(mesh))
    levels = (np.arange(count) + random.random(count)) / count * ends[-1]
    faces = np.minimum(np.searchsorted(ends, levels, side="right"), len(ends) - 1)
    weights = random.random((count, 2), np.float32)
    outside = weights.sum(axis=1) > 1
    weights[outside] = 1 - weights[outside]
    points = MeshPoints(faces.astype(np.int32), weights)
    return points.select(sample_colors(mesh, points)[:, 3] > 0)


def poisson_points(mesh: Mesh, count: int, random: np.random.Generator) -> MeshPoints:
    """At most `count` points by Poisson-disk sampling, on both sides of a sheet independently."""
    candidates = stratified_points(mesh, _CANDIDATES * count, random)
    order = random.permutation(len(candidates.faces))
    candidates = candidates.select(order)
    area = face_areas(mesh).sum() * len(order) / (_CANDIDATES * count)
    points = candidates.interpolate(mesh, mesh.vertices)
    pairs = KDTree(points).query_pairs(_GAP * np.sqrt(area / count), output_type="ndarray")
    normals = face_normals(mesh)[candidates.faces]
    same_side = np.einsum("ij,ij->i", normals[pairs[:, 0]], normals[pairs[:, 1]]) > 0
    pairs = np.sort(pairs[same_side], axis=1)
    pairs = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    return candidates.select(np.flatnonzero(_greedy_selection(pairs, len(order)))[:count])


@jit()
def _greedy_selection(pairs: Integers, count: int) -> NDArray[np.bool_]:
    """Greedy independent set: whether each of `count` points is kept, in order.

    `pairs` [P, 2] of conflicting points have the earlier first and are sorted by the later.
    """
    kept = np.ones(count, np.bool_)
    for earlier, later in pairs:
        if kept[earlier]:
            kept[later] = False
    return kept


def surface_splats(mesh: Mesh, points: MeshPoints, random: np.random.Generator) -> GaussianCloud:
    """Discs at `points` that cover the surface, with the mesh's colours."""
    area = face_areas(mesh).sum()
    sigma = _SPREAD * np.sqrt(area / max(len(points.faces), 1))
    count = len(points.faces)
    return GaussianCloud(
        means=points.interpolate(mesh, mesh.vertices),
        quats=_rotations_to(face_normals(mesh)[points.faces]),
        scales=np.tile(np.float32(sigma * np.array([1, 1, _THICKNESS])), (count, 1)),
        opacities=random.uniform(*_OPACITIES, count).astype(np.float32),
        sh0=((sample_colors(mesh, points)[:, :3] - 0.5) / np.float32(SH_C0)).astype(np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )


def _rotations_to(normals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Quaternions [N, 4], wxyz, that rotate the third axis to plus or minus `normals`."""
    up = np.where(normals[:, 2:] < 0, -normals, normals)
    quats = np.stack([1 + up[:, 2], -up[:, 1], up[:, 0], np.zeros(len(up))], axis=1)
    return (quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32)
