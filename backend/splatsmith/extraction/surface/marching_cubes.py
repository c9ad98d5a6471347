"""Marching cubes over a sparse volume (Lorensen and Cline 1987).

Ambiguous faces are always resolved by separating the inside corners, a rule that both cells at a
face follow: the surface is closed wherever all voxels are known.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Bytes, Floats, Integers, jit
from ..array_types import Indices
from .marching_cubes_table import EDGE_AXES, EDGE_CORNERS, cell_table
from .sparse_volume import BLOCK_SIZE, SparseVolume, VolumeArrays, gather_neighborhood
from .triangle_surface import Surface

_VOXELS = BLOCK_SIZE**3


class _Edges(NamedTuple):
    """The voxels' three edges, along x, y and z from each voxel of M blocks.

    A vertex lies on each edge that the surface crosses; blocks number theirs one after another.
    """

    crossed: Bytes  # [M, 512] which of the three, as bits
    ranks: NDArray[np.uint16]  # [M, 512] crossed edges of the block before this voxel's
    starts: Integers  # [M + 1, 2] number of each block's first vertex and first triangle


class _Cells(NamedTuple):
    """Triangles by the corners inside, for cells from a column along x on."""

    table: NDArray[np.int8]
    first_column: int


def marching_cubes(volume: SparseVolume, first_column: int = 0) -> Surface:
    """The zero level set, vertices shared; open at cells with unknown voxels.

    Args:
        first_column: cells below this index along x are left out.
    """
    blocks = len(volume.coords)
    edges = _Edges(
        np.zeros((blocks, _VOXELS), np.uint8),
        np.zeros((blocks, _VOXELS), np.uint16),
        np.zeros((blocks + 1, 2), np.int64),
    )
    cells = _Cells(cell_table(), first_column)
    counts = np.zeros((blocks, 2), np.int64)
    _find_crossings(volume.arrays, cells, edges.crossed, edges.ranks, counts)
    np.cumsum(counts, axis=0, out=edges.starts[1:])
    vertices = np.empty((edges.starts[-1, 0], 3), np.float32)
    faces = np.empty((edges.starts[-1, 1], 3), np.int32)
    _place_vertices(volume.arrays, edges, vertices)
    _place_faces(volume.arrays, cells, edges, faces)
    grid = volume.grid
    return Surface(vertices * np.float32(grid.voxel_size) + grid.origin, faces).compact()


@jit(parallel=True)
def _find_crossings(
    volume: VolumeArrays,
    cells: _Cells,
    crossed: Bytes,
    ranks: NDArray[np.uint16],
    counts: Integers,
) -> None:
    """Fill `crossed` and `ranks` as in `_Edges`, and counts [M, 2] of vertices and triangles."""
    table, first_column = cells.table, cells.first_column
    for b in numba.prange(len(volume.coords)):
        local = np.empty((BLOCK_SIZE + 1, BLOCK_SIZE + 1, BLOCK_SIZE + 1), np.float32)
        gather_neighborhood(volume, b, 0, local)
        vertices, triangles = 0, 0
        for voxel in range(_VOXELS):
            i, j, k = voxel >> 6, voxel >> 3 & 7, voxel & 7
            ranks[b, voxel] = vertices
            bits = _crossed_edges(local, i, j, k)
            crossed[b, voxel] = bits
            vertices += (bits & 1) + (bits >> 1 & 1) + (bits >> 2)
            if volume.coords[b, 0] * BLOCK_SIZE + i >= first_column:
                row = table[max(_inside_corners(local, i, j, k), 0)]
                triangles += np.sum(row[:, 0] >= 0)
        counts[b, 0], counts[b, 1] = vertices, triangles


@jit()
def _crossed_edges(local: Floats, i: int, j: int, k: int) -> int:
    """Which of the edges along x, y and z from a voxel the surface crosses, as bits."""
    value = local[i, j, k]
    bits = int(_signs_differ(value, local[i + 1, j, k]))
    bits |= int(_signs_differ(value, local[i, j + 1, k])) << 1
    return bits | int(_signs_differ(value, local[i, j, k + 1])) << 2


@jit()
def _signs_differ(a: np.float32, b: np.float32) -> bool:
    return bool((a < 0 and b >= 0) or (a >= 0 and b < 0))


@jit()
def _inside_corners(local: Floats, i: int, j: int, k: int) -> int:
    """Which corners of a cell are inside, as bits; -1 if one is unknown."""
    bits = 0
    for corner in range(8):
        value = local[i + (corner & 1), j + (corner >> 1 & 1), k + (corner >> 2)]
        if np.isnan(value):
            return -1
        bits |= int(value < 0) << corner
    return bits


@jit(parallel=True)
def _place_vertices(volume: VolumeArrays, edges: _Edges, vertices: Floats) -> None:
    """Positions [V, 3], in voxels, of the zero crossings by linear interpolation."""
    for b in numba.prange(len(volume.coords)):
        local = np.empty((BLOCK_SIZE + 1, BLOCK_SIZE + 1, BLOCK_SIZE + 1), np.float32)
        gather_neighborhood(volume, b, 0, local)
        vertex = edges.starts[b, 0]
        for voxel in range(_VOXELS):
            i, j, k = voxel >> 6, voxel >> 3 & 7, voxel & 7
            value = local[i, j, k]
            for axis in range(3):
                if edges.crossed[b, voxel] >> axis & 1:
                    other = local[i + (axis == 0), j + (axis == 1), k + (axis == 2)]
                    vertices[vertex, 0] = volume.coords[b, 0] * BLOCK_SIZE + i
                    vertices[vertex, 1] = volume.coords[b, 1] * BLOCK_SIZE + j
                    vertices[vertex, 2] = volume.coords[b, 2] * BLOCK_SIZE + k
                    vertices[vertex, axis] += value / (value - other)
                    vertex += 1


@jit(parallel=True)
def _place_faces(volume: VolumeArrays, cells: _Cells, edges: _Edges, faces: Indices) -> None:
    table, first_column = cells.table, cells.first_column
    for b in numba.prange(len(volume.coords)):
        local = np.empty((BLOCK_SIZE + 1, BLOCK_SIZE + 1, BLOCK_SIZE + 1), np.float32)
        gather_neighborhood(volume, b, 0, local)
        face = edges.starts[b, 1]
        for voxel in range(_VOXELS):
            i, j, k = voxel >> 6, voxel >> 3 & 7, voxel & 7
            inside = _inside_corners(local, i, j, k)
            if inside <= 0 or volume.coords[b, 0] * BLOCK_SIZE + i < first_column:
                continue
            for triangle in table[inside]:
                if triangle[0] < 0:
                    break
                for corner in range(3):
                    faces[face, corner] = _edge_vertex(volume, edges, b, voxel, triangle[corner])
                face += 1


@jit()
def _edge_vertex(volume: VolumeArrays, edges: _Edges, b: int, voxel: int, edge: int) -> int:
    """Number of the vertex on an edge of a voxel's cell; it may belong to a neighbouring block."""
    corner, axis = EDGE_CORNERS[edge], EDGE_AXES[edge]
    i = (voxel >> 6) + (corner & 1)
    j = (voxel >> 3 & 7) + (corner >> 1 & 1)
    k = (voxel & 7) + (corner >> 2)
    coords = volume.coords[b]
    block = volume.index[coords[0] + (i >> 3), coords[1] + (j >> 3), coords[2] + (k >> 3)]
    own = (i & 7) << 6 | (j & 7) << 3 | (k & 7)
    bits = edges.crossed[block, own] & ((1 << axis) - 1)
    return edges.starts[block, 0] + edges.ranks[block, own] + (bits & 1) + (bits >> 1)
