"""Bare triangle meshes, and what is dropped of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, jit
from .adjacency import find_root

Indices = NDArray[np.int32]
Doubles = NDArray[np.float64]

_CRUMB = 0.003  # of the whole area: more is no crumb
_CRUMBS = 0.015  # of the whole area: so much, in the smallest pieces, is dropped


@dataclass(frozen=True)
class Surface:
    """vertices [V, 3] float32; faces [F, 3] int32, counter-clockwise from outside."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    def compact(self) -> Surface:
        """Without vertices that no face uses."""
        used = np.zeros(len(self.vertices), np.bool_)
        used[self.faces] = True
        numbers = np.cumsum(used, dtype=np.int32) - 1
        return Surface(self.vertices[used], numbers[self.faces])


def remove_small_components(surface: Surface, plane: float, closed: bool) -> Surface:
    """Drop the smallest pieces as long as little is lost and, if `closed`, hollows inside others.

    Args:
        plane: the x at which the surface may be cut open.
    """
    piece = _pieces(surface.faces, len(surface.vertices))
    areas, volumes = _measured(surface.vertices, surface.faces, piece, plane)
    order = areas.argsort()
    kept = np.empty(len(areas), np.bool_)
    kept[order] = np.cumsum(areas[order]) > _CRUMBS * areas.sum()
    kept |= areas > _CRUMB * areas.sum()
    if closed:
        kept &= volumes > 0
    return Surface(surface.vertices, surface.faces[kept[piece[surface.faces[:, 0]]]]).compact()


def vertex_normals(surface: Surface) -> NDArray[np.float32]:
    """Unit normals [V, 3], faces weighted by area."""
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    normals = np.zeros(surface.vertices.shape, np.float64)
    for i in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(surface.faces[:, i], cross[:, axis], len(normals))
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(lengths, 1e-20)).astype(np.float32)


@jit()
def _pieces(faces: Indices, count: int) -> Indices:
    """The number [V] of the connected piece of every one of `count` vertices."""
    leader = np.arange(count).astype(np.int32)
    for a, b, c in faces:
        first, second, third = find_root(leader, a), find_root(leader, b), find_root(leader, c)
        least = min(first, second, third)
        leader[first] = leader[second] = leader[third] = least
    number = 0
    pieces = np.empty(count, np.int32)
    for vertex in range(count):
        # A leader is the least of its piece: it has its number already.
        if leader[vertex] == vertex:
            pieces[vertex] = number
            number += 1
        else:
            pieces[vertex] = pieces[find_root(leader, vertex)]
    return pieces


@jit()
def _measured(
    vertices: Floats, faces: Indices, piece: Indices, plane: float
) -> tuple[Doubles, Doubles]:
    """The area of every piece and its volume, where it is open that up to x = `plane`."""
    areas = np.zeros(piece.max() + 1 if len(piece) else 0, np.float64)
    volumes = np.zeros(len(areas), np.float64)
    for first, second, third in faces:
        ax, ay, az = _from_plane(vertices[first], plane)
        bx, by, bz = _from_plane(vertices[second], plane)
        cx, cy, cz = _from_plane(vertices[third], plane)
        ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        areas[piece[first]] += np.sqrt(x * x + y * y + z * z) / 2
        volumes[piece[first]] += (ax * x + ay * y + az * z) / 6
    return areas, volumes


@jit()
def _from_plane(vertex: Floats, plane: float) -> tuple[float, float, float]:
    return float(vertex[0]) - plane, float(vertex[1]), float(vertex[2])
