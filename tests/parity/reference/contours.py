"""A published contour of a dense grid compared with ours, whatever the order of its elements.

Published tables of marching cubes and ours cross the same grid edges. On a face of a cell whose
diagonal corners are inside, the published one joins the inside corners or separates them, by case;
ours always separates them. There the surfaces differ in how they join the same vertices.
"""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree
from torch import Tensor

from splatsmith.extraction.surface.sparse_volume import (
    BLOCK_SIZE,
    UNKNOWN,
    SparseVolume,
    VoxelGrid,
)

Grid = NDArray[np.float32]  # [X, Y, Z], multiples of the block size
Loops = dict[tuple[int, ...], frozenset[tuple[int, int]]]


def dense_volume(signed: Grid) -> SparseVolume:
    """Values, negative inside, at index positions; unknown beyond."""
    blocks = tuple(n // BLOCK_SIZE for n in signed.shape)
    index = np.full([n + 2 for n in blocks], UNKNOWN, np.int32)
    index[1:-1, 1:-1, 1:-1] = np.arange(np.prod(blocks)).reshape(blocks)
    split = signed.reshape([part for n in blocks for part in (n, BLOCK_SIZE)])
    values = split.transpose(0, 2, 4, 1, 3, 5).reshape(-1, *[BLOCK_SIZE] * 3)
    x, y, z = index.shape
    grid = VoxelGrid(np.full(3, -BLOCK_SIZE, np.float32), 1.0, (x, y, z))
    return SparseVolume(grid, index, np.argwhere(index >= 0).astype(np.int32), values)


def in_order_of(vertices: Tensor, expected: Tensor) -> NDArray[np.int64]:
    """[V] the number of our vertex for each expected one: each of ours once, the nearest there is.

    Several may lie on the same grid point, so that the nearest alone is not one to one.
    """
    assert vertices.shape == expected.shape, f"{len(vertices)} vertices, not {len(expected)}"
    near = KDTree(vertices.numpy())
    found = near.query(expected.numpy())
    assert np.max(found[0]) < 1e-4
    numbers = np.array(found[1], np.int64)
    taken = np.bincount(numbers, minlength=len(vertices))
    doubtful = np.flatnonzero(taken[numbers] > 1)
    free = np.setdiff1d(np.arange(len(vertices)), np.delete(numbers, doubtful))
    costs = np.linalg.norm(expected.numpy()[doubtful, None] - vertices.numpy()[free], axis=-1)
    rows, columns = linear_sum_assignment(costs)
    numbers[doubtful[rows]] = free[columns]
    return numbers


def differing_cells(ours: Loops, theirs: Loops) -> set[tuple[int, ...]]:
    return {cell for cell in {*ours, *theirs} if ours.get(cell) != theirs.get(cell)}


def loops_by_cell(vertices: Tensor, faces: Tensor) -> Loops:
    """The directed border of each cell's part of the surface, as pairs of vertex numbers."""
    corners = vertices[faces.long()]
    cells = torch.floor(corners.mean(1)).long().tolist()
    edges: dict[tuple[int, ...], Counter[tuple[int, int]]] = {}
    for cell, face in zip(cells, faces.tolist(), strict=True):
        own = edges.setdefault(tuple(cell), Counter())
        own.update((face[k], face[(k + 1) % 3]) for k in range(3))
    return {
        cell: frozenset(pair for pair in own if pair[::-1] not in own)
        for cell, own in edges.items()
    }


def ambiguous_cells(inside: NDArray[np.bool_]) -> set[tuple[int, ...]]:
    """Cells with a face of which two diagonal corners alone are inside."""
    found: set[tuple[int, ...]] = set()
    for axis in range(3):
        moved = np.moveaxis(inside, axis, 0)
        a, b, c, d = moved[:, :-1, :-1], moved[:, 1:, :-1], moved[:, :-1, 1:], moved[:, 1:, 1:]
        faces = (a == d) & (b == c) & (a != b)
        for place in np.argwhere(faces):
            for side in (0, 1):
                along, *across = (place - np.array([side, 0, 0])).tolist()
                found.add((*across[:axis], along, *across[axis:]))
    return found


def cells_at(samples: NDArray[np.bool_]) -> set[tuple[int, ...]]:
    """Cells with a corner among the samples: of one exactly at the level, vertices coincide, and
    faces are in no cell.
    """
    offsets = np.array(list(itertools.product((0, 1), repeat=3)))
    return {
        tuple(int(n) for n in place - offset)
        for place in np.argwhere(samples)
        for offset in offsets
    }
