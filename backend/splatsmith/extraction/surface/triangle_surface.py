"""Triangle surfaces without attributes, and their connected components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats, jit
from ..array_types import Doubles, Indices
from .adjacency import find_root

# Of the total area: components up to the first share may be dropped, together up to the second.
_SMALL_COMPONENT = 0.003
_DROPPED_AREA = 0.015


@dataclass(frozen=True)
class Surface:
    """vertices [V, 3] float32; faces [F, 3] int32, counter-clockwise from outside."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    def compact(self) -> Surface:
        """Without unreferenced vertices."""
        used = np.zeros(len(self.vertices), np.bool_)
        used[self.faces] = True
        numbers = np.cumsum(used, dtype=np.int32) - 1
        return Surface(self.vertices[used], numbers[self.faces])


def remove_small_components(surface: Surface, plane: float, closed: bool) -> Surface:
    """Drop the smallest connected components and, if `closed`, those of negative volume.

    Args:
        plane: x of the plane in which the surface may be cut open; volumes are closed there.
    """
    component = _connected_components(surface.faces, len(surface.vertices))
    areas, volumes = _component_measures(surface.vertices, surface.faces, component, plane)
    order = areas.argsort()
    kept = np.empty(len(areas), np.bool_)
    kept[order] = np.cumsum(areas[order]) > _DROPPED_AREA * areas.sum()
    kept |= areas > _SMALL_COMPONENT * areas.sum()
    if closed:
        kept &= volumes > 0
    return Surface(surface.vertices, surface.faces[kept[component[surface.faces[:, 0]]]]).compact()


def vertex_normals(surface: Surface) -> NDArray[np.float32]:
    """Area-weighted unit normals [V, 3]."""
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    normals = np.zeros(surface.vertices.shape, np.float64)
    for i in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(surface.faces[:, i], cross[:, axis], len(normals))
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(lengths, 1e-20)).astype(np.float32)


@jit()
def _connected_components(faces: Indices, count: int) -> Indices:
    """[V] the component of each of `count` vertices, numbered from 0."""
    parents = np.arange(count).astype(np.int32)
    for a, b, c in faces:
        first, second, third = find_root(parents, a), find_root(parents, b), find_root(parents, c)
        least = min(first, second, third)
        parents[first] = parents[second] = parents[third] = least
    number = 0
    components = np.empty(count, np.int32)
    for vertex in range(count):
        # A root is the least vertex of its component: it is numbered before the others.
        if parents[vertex] == vertex:
            components[vertex] = number
            number += 1
        else:
            components[vertex] = components[find_root(parents, vertex)]
    return components


@jit()
def _component_measures(
    vertices: Floats, faces: Indices, component: Indices, plane: float
) -> tuple[Doubles, Doubles]:
    """Area and signed volume of each component, volumes measured from the plane x = `plane`."""
    areas = np.zeros(component.max() + 1 if len(component) else 0, np.float64)
    volumes = np.zeros(len(areas), np.float64)
    for first, second, third in faces:
        ax, ay, az = _from_plane(vertices[first], plane)
        bx, by, bz = _from_plane(vertices[second], plane)
        cx, cy, cz = _from_plane(vertices[third], plane)
        ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        areas[component[first]] += np.sqrt(x * x + y * y + z * z) / 2
        volumes[component[first]] += (ax * x + ay * y + az * z) / 6
    return areas, volumes


@jit()
def _from_plane(vertex: Floats, plane: float) -> tuple[float, float, float]:
    return float(vertex[0]) - plane, float(vertex[1]), float(vertex[2])
