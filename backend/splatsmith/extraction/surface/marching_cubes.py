"""Marching cubes over blocks (Lorensen and Cline 1987), closed wherever all is known.

Where the corners of a cell's face are inside and outside crosswise, the inside corners are always
kept apart: a rule that both cells at the face follow, so that no crack opens between them.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Bytes, Floats, Integers, jit
from .marching_cubes_table import EDGE_AXES, EDGE_CORNERS, cell_table
from .sparse_volume import BLOCK_SIZE, Indices, SparseVolume, gather_neighborhood
from .triangle_surface import Surface

_NOTHING = np.float32(0)

Shorts = NDArray[np.uint16]
Table = NDArray[np.int8]
Field = tuple[Indices, Indices, Floats]  # index, places and values of a volume
# Which of a voxel's three edges are crossed, as bits, and how many are in its block before it.
Crossings = tuple[Bytes, Shorts]


def marching_cubes(volume: SparseVolume, from_column: int = 0) -> Surface:
    """The surface where the distance is 0, its vertices shared; open at cells not wholly known.

    Args:
        from_column: cells below this number along x are left out.
    """
    field = (volume.index, volume.places, volume.values)
    blocks = len(volume.places)
    crossings = (
        np.zeros((blocks, BLOCK_SIZE**3), np.uint8),
        np.zeros((blocks, BLOCK_SIZE**3), np.uint16),
    )
    counts = np.zeros((blocks, 2), np.int64)
    _count(field, cell_table(), from_column, crossings, counts)
    starts = np.zeros((blocks + 1, 2), np.int64)
    np.cumsum(counts, axis=0, out=starts[1:])
    vertices = np.empty((starts[-1, 0], 3), np.float32)
    faces = np.empty((starts[-1, 1], 3), np.int32)
    _place_vertices(field, crossings, starts, vertices)
    _place_faces(field, (cell_table(), from_column), crossings, starts, faces)
    lattice = volume.lattice
    return Surface(vertices * np.float32(lattice.voxel) + lattice.origin, faces).compact()


@jit(parallel=True)
def _count(
    field: Field, table: Table, from_column: int, crossings: Crossings, counts: Integers
) -> None:
    """Fill `crossings`, and counts [M, 2] of vertices and triangles."""
    index, places, values = field
    for b in numba.prange(len(places)):
        local = np.empty((BLOCK_SIZE + 1, BLOCK_SIZE + 1, BLOCK_SIZE + 1), np.float32)
        gather_neighborhood(index, values, places[b], 0, local)
        crossed, ranks = crossings[0][b], crossings[1][b]
        vertices, triangles = 0, 0
        for voxel in range(BLOCK_SIZE**3):
            i, j, k = voxel >> 6, voxel >> 3 & 7, voxel & 7
            ranks[voxel] = vertices
            bits = _crossed(local, i, j, k)
            crossed[voxel] = bits
            vertices += (bits & 1) + (bits >> 1 & 1) + (bits >> 2)
            if places[b, 0] * BLOCK_SIZE + i >= from_column:
                row = table[max(_inside(local, i, j, k), 0)]
                triangles += np.sum(row[:, 0] >= 0)
        counts[b, 0], counts[b, 1] = vertices, triangles


@jit()
def _crossed(local: Floats, i: int, j: int, k: int) -> int:
    """Which of the edges along x, y and z from a voxel the surface crosses, as bits."""
    here = local[i, j, k]
    bits = int(_differ(here, local[i + 1, j, k]))
    bits |= int(_differ(here, local[i, j + 1, k])) << 1
    return bits | int(_differ(here, local[i, j, k + 1])) << 2


@jit()
def _differ(a: np.float32, b: np.float32) -> bool:
    return bool((a < 0 and b >= 0) or (a >= 0 and b < 0))


@jit()
def _inside(local: Floats, i: int, j: int, k: int) -> int:
    """Which corners of a cell are inside, as bits; -1 if one is unknown."""
    bits = 0
    for corner in range(8):
        value = local[i + (corner & 1), j + (corner >> 1 & 1), k + (corner >> 2)]
        if np.isnan(value):
            return -1
        bits |= int(value < 0) << corner
    return bits


@jit(parallel=True)
def _place_vertices(field: Field, crossings: Crossings, starts: Integers, vertices: Floats) -> None:
    """The places [V, 3], in voxels, where the edges are crossed."""
    index, places, values = field
    for b in numba.prange(len(places)):
        local = np.empty((BLOCK_SIZE + 1, BLOCK_SIZE + 1, BLOCK_SIZE + 1), np.float32)
        gather_neighborhood(index, values, places[b], 0, local)
        at = starts[b, 0]
        for voxel in range(BLOCK_SIZE**3):
            i, j, k = voxel >> 6, voxel >> 3 & 7, voxel & 7
            here = local[i, j, k]
            for axis in range(3):
                if crossings[0][b, voxel] >> axis & 1:
                    there = local[i + (axis == 0), j + (axis == 1), k + (axis == 2)]
                    vertices[at, 0] = places[b, 0] * BLOCK_SIZE + i
                    vertices[at, 1] = places[b, 1] * BLOCK_SIZE + j
                    vertices[at, 2] = places[b, 2] * BLOCK_SIZE + k
                    vertices[at, axis] += here / (here - there)
                    at += 1


@jit(parallel=True)
def _place_faces(
    field: Field,
    cells: tuple[Table, int],
    crossings: Crossings,
    starts: Integers,
    faces: Indices,
) -> None:
    index, places, values = field
    table, from_column = cells
    for b in numba.prange(len(places)):
        local = np.empty((BLOCK_SIZE + 1, BLOCK_SIZE + 1, BLOCK_SIZE + 1), np.float32)
        gather_neighborhood(index, values, places[b], 0, local)
        at = starts[b, 1]
        for voxel in range(BLOCK_SIZE**3):
            i, j, k = voxel >> 6, voxel >> 3 & 7, voxel & 7
            inside = _inside(local, i, j, k)
            if inside <= 0 or places[b, 0] * BLOCK_SIZE + i < from_column:
                continue
            for triangle in table[inside]:
                if triangle[0] < 0:
                    break
                for corner in range(3):
                    edge = triangle[corner]
                    faces[at, corner] = _vertex(
                        index, places[b], (i, j, k), edge, crossings, starts
                    )
                at += 1


@jit()
def _vertex(
    index: Indices,
    place: Indices,
    cell: tuple[int, int, int],
    edge: int,
    crossings: Crossings,
    starts: Integers,
) -> int:
    """The number of the vertex on a cell's edge, which may belong to a neighbouring block."""
    corner, axis = EDGE_CORNERS[edge], EDGE_AXES[edge]
    i, j, k = cell[0] + (corner & 1), cell[1] + (corner >> 1 & 1), cell[2] + (corner >> 2)
    block = index[place[0] + (i >> 3), place[1] + (j >> 3), place[2] + (k >> 3)]
    voxel = (i & 7) << 6 | (j & 7) << 3 | (k & 7)
    bits = crossings[0][block, voxel] & ((1 << axis) - 1)
    return starts[block, 0] + crossings[1][block, voxel] + (bits & 1) + (bits >> 1)
