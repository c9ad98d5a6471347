"""Convex volumes that points and ellipsoids are tested against: polyhedra and ellipsoids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]  # [4, 4], affine
Points = NDArray[np.float64]  # [3, N]: numpy works faster on columns than on rows
Axes = NDArray[np.float64]  # [3, 3, N]: three half axes of N ellipsoids, [:, k] the k-th
Mask = NDArray[np.bool_]  # [N]

_MOST_PLANES = 256
_LEAST_VERTICES = 12  # of a mesh that is a sphere: an icosphere's
_FIT_SAMPLE = 4_096  # vertices at most that an ellipsoid is fitted to
_ON_SURFACE = 1e-3  # relative to the size
_LEAST_FACE_DISTANCE = 0.75  # of a sphere's faces; those of a bevelled cube are nearer
_NEGLIGIBLE = 1e-12


@dataclass(frozen=True)
class Polyhedron:
    """The points p with planes @ (p, 1) <= 0; planes [P, 4]."""

    planes: NDArray[np.float64]

    def before(self, matrix: Matrix) -> Polyhedron:
        """The volume in the coordinates that `matrix` maps to the present ones."""
        return Polyhedron(self.planes @ matrix)

    def contains(self, points: Points) -> Mask:
        return np.logical_and.reduce([_apply(plane, points) <= 0 for plane in self.planes])

    def contains_whole(self, points: Points, axes: Axes) -> Mask:
        """Which ellipsoids are wholly inside."""
        return np.logical_and.reduce(
            [_apply(plane, points) + _reach(plane, axes) <= 0 for plane in self.planes]
        )

    def excludes_whole(self, points: Points, axes: Axes) -> Mask:
        """Which ellipsoids are wholly beyond one plane; a few outside near an edge are not."""
        return np.logical_or.reduce(
            [_apply(plane, points) - _reach(plane, axes) > 0 for plane in self.planes]
        )


@dataclass(frozen=True)
class Ellipsoid:
    """The points that `to_unit` [4, 4] maps into the unit sphere."""

    to_unit: Matrix

    def before(self, matrix: Matrix) -> Ellipsoid:
        """The volume in the coordinates that `matrix` maps to the present ones."""
        return Ellipsoid(self.to_unit @ matrix)

    def contains(self, points: Points) -> Mask:
        return _squared(transform(self.to_unit, points)) <= 1

    def contains_whole(self, points: Points, axes: Axes) -> Mask:
        """Which ellipsoids are wholly inside; a few are left out that nearly touch the surface."""
        distance, along, across = self._reaches(points, axes)
        return (distance + along) ** 2 + across <= 1

    def excludes_whole(self, points: Points, axes: Axes) -> Mask:
        """Which ellipsoids are wholly beyond the tangent plane below their centre."""
        distance, along, _ = self._reaches(points, axes)
        return distance - along > 1

    def distances(self, points: Points) -> NDArray[np.float64]:
        """From the centre, [N]; 1 on the surface."""
        return np.sqrt(_squared(transform(self.to_unit, points)))

    def _reaches(
        self, points: Points, axes: Axes
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """In the unit sphere's space: the distance, the reach along it, the squared one across."""
        center = transform(self.to_unit, points)
        distance = np.sqrt(_squared(center))
        mapped = np.einsum("ij,jkn->ikn", self.to_unit[:3, :3], axes)
        direction = center / np.maximum(distance, _NEGLIGIBLE)
        along = _squared(np.einsum("in,ikn->kn", direction, mapped))
        across = np.einsum("ikn,ikn->n", mapped, mapped) - along
        return distance, np.sqrt(along), np.maximum(across, 0)


ConvexVolume = Polyhedron | Ellipsoid


def convex_volume(vertices: Points, centers: Points, normals: Points) -> ConvexVolume | None:
    """The volume within a closed mesh; None if that is not convex, or has too many faces.

    Args:
        vertices: [3, V]. If all lie on an ellipsoid, that is the volume.
        centers, normals: [3, F], of the faces.
    """
    size = float(np.ptp(vertices, axis=1).max())
    if size <= 0:
        return None
    return _fit_ellipsoid(vertices, centers, size) or _polyhedron(vertices, centers, normals, size)


def _fit_ellipsoid(vertices: Points, centers: Points, size: float) -> Ellipsoid | None:
    """The ellipsoid through all vertices, if there is one."""
    if vertices.shape[1] < _LEAST_VERTICES:
        return None
    normalized = np.eye(4)
    normalized[:3, :3] /= size
    normalized[:3, 3] = -vertices.mean(axis=1) / size
    sample = vertices[:, :: 1 + vertices.shape[1] // _FIT_SAMPLE]
    to_unit = _fit_quadric(transform(normalized, sample))
    if to_unit is None:
        return None
    ellipsoid = Ellipsoid(to_unit @ normalized)
    on_surface = np.abs(ellipsoid.distances(vertices) - 1).max() <= _ON_SURFACE
    is_round = ellipsoid.distances(centers).min() >= _LEAST_FACE_DISTANCE
    return ellipsoid if on_surface and is_round else None


def _fit_quadric(points: Points) -> Matrix | None:
    """The map to the unit sphere of the ellipsoid p Q p + 2 b p + c = 0 nearest to `points`."""
    x, y, z = points
    terms = (x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z, 2 * x, 2 * y, 2 * z, x**0)
    found = np.linalg.svd(np.stack(terms, axis=1), full_matrices=False)[2][-1]
    q = found[[[0, 3, 4], [3, 1, 5], [4, 5, 2]]]
    b, c = found[6:9], found[9]
    if abs(np.linalg.det(q)) <= _NEGLIGIBLE:
        return None
    center = -np.linalg.solve(q, b)
    level = -float(center @ b) - c
    if abs(level) <= _NEGLIGIBLE:
        return None
    values, vectors = np.linalg.eigh(q / level)
    if values.min() <= 0:
        return None
    to_unit = np.eye(4)
    to_unit[:3, :3] = np.sqrt(values)[:, None] * vectors.T
    to_unit[:3, 3] = -to_unit[:3, :3] @ center
    return to_unit


def _polyhedron(
    vertices: Points, centers: Points, normals: Points, size: float
) -> Polyhedron | None:
    """The volume between the planes of all faces, if every vertex is between them."""
    planes = np.column_stack([normals.T, -np.einsum("if,if->f", normals, centers)])
    if _apply(planes.mean(axis=0), vertices.mean(axis=1)) > 0:
        planes = -planes  # the faces point inwards
    alike = (planes / [1, 1, 1, size]).round(5)
    planes = planes[np.unique(alike, axis=0, return_index=True)[1]]
    if len(planes) > _MOST_PLANES:
        return None
    reach = max(float(_apply(plane, vertices).max()) for plane in planes)
    return Polyhedron(planes) if reach <= _ON_SURFACE * size else None


def transform(matrix: Matrix, points: Points) -> Points:
    """The points [3, N] mapped by an affine matrix, without BLAS."""
    return np.stack([_apply(row, points) for row in matrix[:3]])


def _apply(row: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """A row [4] times (p, 1), [N]."""
    return row[0] * points[0] + row[1] * points[1] + row[2] * points[2] + row[3]


def _reach(plane: NDArray[np.float64], axes: Axes) -> NDArray[np.float64]:
    """How far ellipsoids reach along a plane's normal, in the normal's lengths, [N]."""
    return np.sqrt(_squared(np.einsum("i,ikn->kn", plane[:3], axes)))


def _squared(vectors: Points) -> NDArray[np.float64]:
    return np.einsum("in,in->n", vectors, vectors)
