"""Spaces within an object that the views around it have not seen: what encloses them.

A space ends at flat Gaussians. Where a view has observed the other side of these, a single skin
encloses the space, as that of a solid object does; where none has, it is a wall with two sides.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numba
import numpy as np
from scipy.ndimage import binary_dilation, label

from ...contract.cloud import GaussianCloud
from ...contract.protocol import Interior
from ...gaussians.numba_jit import Floats, jit
from ..array_types import Indices, Mask
from ..views.rendered_views import RenderedViews
from ..views.visibility import occluding_views, view_arrays
from .cavity_filling import dilated
from .oriented_discs import Discs, mark_cells, signed_distances, surface_discs
from .sparse_volume import (
    BLOCK_SIZE,
    INSIDE,
    GridFrame,
    SparseVolume,
    VolumeArrays,
    allocate_uniform_blocks,
    value_at,
)
from .tsdf_fusion import TRUNCATION

log = logging.getLogger(__name__)

CELL = 2  # voxels along a cell's edge
_CELLS = BLOCK_SIZE // CELL  # along a block's edge
_BEHIND = 3  # voxels behind a disc within which a view may have observed free space
_WALL_SHARE = 0.65  # of the area around a space: less is a single skin
_LEAST_SPACE = 300  # cells of a space
_LEAST_SHARE = 0.2  # of all unseen cells: smaller spaces within walls are left as they are
_ENCLOSED = 0.55  # of the views are occluded from free cells that belong to a space
_SKIN = 1.3  # voxels that a skin is thickened by on its inner side
_OFFSET = 0.1  # truncations by which surfaces are moved inwards, as in fusion


def open_spaces(
    volume: SparseVolume, cloud: GaussianCloud, views: RenderedViews, interior: Interior
) -> tuple[SparseVolume, Mask | None]:
    """`volume` with what is hollow in it; and the cells [cx, cy, cz] that are to be filled, if any.

    Args:
        volume: of a closed object; what no view observed is inside.
        cloud: the object, in the volume's frame.
        interior: what becomes of spaces in a single skin.
    """
    discs = surface_discs(cloud)
    if discs is None:
        return volume, None
    search = _Search.among(volume, discs)
    kept, filled = (_with_enclosed(search, s, views) for s in _choose(search, interior))
    if kept.any():
        volume = _opened(search, kept)
    return volume, (filled if filled.any() else None)


@dataclass(frozen=True)
class _Search:
    """The cells of a volume among the discs of its object.

    Attributes:
        frame: of the cells' centres.
        clearance: distance from the discs within which cells belong to no space.
        blocked, unseen: [cx, cy, cz] cells near discs; other cells, that no view observed.
    """

    volume: SparseVolume
    discs: Discs
    frame: GridFrame
    clearance: float
    blocked: Mask
    unseen: Mask

    @classmethod
    def among(cls, volume: SparseVolume, discs: Discs) -> _Search:
        grid = volume.grid
        edge = CELL * grid.voxel_size
        origin = (grid.origin + (CELL - 1) / 2 * grid.voxel_size).astype(np.float32)
        frame = GridFrame(origin, np.float32(edge))
        clearance = max(edge, float(np.median(discs.sizes[:, 0])))
        blocked = np.zeros(tuple(_CELLS * n for n in grid.blocks), np.bool_)
        mark_cells(blocked, frame, discs, clearance)
        unseen = np.empty_like(blocked)
        _find_unseen(volume.arrays, unseen)
        return cls(volume, discs, frame, clearance, blocked, unseen & ~blocked)

    @property
    def depth(self) -> float:
        """How far discs are taken for a surface, on both sides."""
        return self.clearance + 2 * float(self.frame.voxel_size)

    def beside(self, labels: Indices, sign: int) -> Indices:
        """[N] the label of the space in front of each disc, or behind it; 0 where there is none."""
        found = np.zeros(len(self.discs), np.int32)
        for cells in (0.75, 1.75):
            offset = np.float32(sign * (self.clearance + cells * float(self.frame.voxel_size)))
            points = self.discs.centers + offset * self.discs.normals
            at = np.rint((points - self.frame.origin) / self.frame.voxel_size).astype(np.intp)
            at = np.clip(at, 0, np.array(labels.shape) - 1)
            found = np.where(found > 0, found, labels[tuple(at.T)])
        return found

    def facing(self, labels: Indices) -> tuple[Discs, Indices]:
        """The discs around spaces, turned towards these, and the labels of the spaces."""
        front, back = self.beside(labels, 1), self.beside(labels, -1)
        chosen = np.flatnonzero((front > 0) != (back > 0)).astype(np.int32)
        signs = np.where(front[chosen] > 0, 1, -1).astype(np.float32)
        return self.discs.oriented(chosen, signs), np.maximum(front, back)[chosen]

    def are_skin(self, discs: Discs) -> Mask:
        """[N] whether a view has observed what is behind each disc."""
        return _are_observed_behind(
            self.volume.arrays, self.volume.grid.frame, discs.centers, discs.normals
        )


def _choose(search: _Search, interior: Interior) -> tuple[Mask, Mask]:
    """The unseen cells [cx, cy, cz] that are to be free, and those that are to be filled."""
    labels = np.empty(search.unseen.shape, np.int32)
    label(search.unseen, output=labels)
    count = int(labels.max())
    discs, spaces = search.facing(labels)
    skin = search.are_skin(discs)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    enough = sizes >= _LEAST_SPACE
    areas = [np.bincount(spaces[which], discs.areas[which], count + 1) for which in (skin, ~skin)]
    walled = enough & (areas[1] > _WALL_SHARE * (areas[0] + areas[1]))
    large = sizes >= _LEAST_SHARE * sizes.sum()
    skinned = enough & ~walled & (areas[0] > 0)
    kept = (walled & large) | (skinned & (interior is Interior.SHELL))
    filled = skinned & (interior is Interior.SOLID)
    log.info("%d spaces within walls, %d in a single skin", walled.sum(), skinned.sum())
    return kept[labels], filled[labels]


def _with_enclosed(search: _Search, space: Mask, views: RenderedViews) -> Mask:
    """`space` and the free cells connected to it that most views do not show."""
    grown = space.copy()
    if not grown.any():
        return grown
    arrays = view_arrays(views)
    undecided = ~search.blocked & ~search.unseen
    front = dilated(space) & undecided
    while front.any():
        cells = np.argwhere(front)
        points = (search.frame.origin + search.frame.voxel_size * cells).astype(np.float32)
        enclosed = occluding_views(points, arrays) >= _ENCLOSED * len(views)
        undecided &= ~front
        front[tuple(cells[~enclosed].T)] = False
        grown |= front
        front = dilated(front) & undecided
    return grown


def _opened(search: _Search, kept: Mask) -> SparseVolume:
    """The volume with the `kept` cells free, and with the surfaces of the discs around them."""
    volume, voxel_size = search.volume, search.volume.grid.voxel_size
    discs, _ = search.facing(kept.astype(np.int32))
    skin = search.are_skin(discs)
    discs.centers[skin] += np.float32(_SKIN * voxel_size) * discs.normals[skin]
    reach = int(np.ceil(search.depth / float(search.frame.voxel_size))) + 1
    near = binary_dilation(_by_block(kept), iterations=-(-reach // _CELLS))
    volume = allocate_uniform_blocks(volume, near & (volume.index == INSIDE))
    distances = signed_distances(volume.arrays, volume.grid.frame, discs, search.depth)
    distances = np.clip(
        distances / np.float32(TRUNCATION * voxel_size) + np.float32(_OFFSET), -1, 1
    )
    values = np.fmax(volume.values, distances)
    _free(VolumeArrays(volume.index, volume.coords, values), kept)
    nothing = np.zeros(volume.index.shape, np.bool_)
    return allocate_uniform_blocks(replace(volume, values=values), nothing)


def _by_block(cells: Mask) -> Mask:
    shape = [n for size in cells.shape for n in (size // _CELLS, _CELLS)]
    return np.asarray(cells.reshape(shape).any(axis=(1, 3, 5)))


@jit(parallel=True)
def _find_unseen(volume: VolumeArrays, unseen: Mask) -> None:
    """Set the cells of which no voxel is free."""
    index, values = volume.index, volume.values
    for x in numba.prange(unseen.shape[0]):
        for y in range(unseen.shape[1]):
            for z in range(unseen.shape[2]):
                block = index[x // _CELLS, y // _CELLS, z // _CELLS]
                if block < 0:
                    unseen[x, y, z] = block == INSIDE
                    continue
                i, j, k = CELL * (x % _CELLS), CELL * (y % _CELLS), CELL * (z % _CELLS)
                most = values[block, i, j, k]
                for corner in range(1, 8):
                    di, dj, dk = corner & 1, corner >> 1 & 1, corner >> 2
                    most = max(most, values[block, i + di, j + dj, k + dk])
                unseen[x, y, z] = most < 0


@jit(parallel=True)
def _are_observed_behind(
    volume: VolumeArrays, frame: GridFrame, centers: Floats, normals: Floats
) -> Mask:
    observed = np.zeros(len(centers), np.bool_)
    for g in numba.prange(len(centers)):
        for step in range(1, _BEHIND + 1):
            at = (centers[g] - frame.origin) / frame.voxel_size - np.float32(step) * normals[g]
            x, y, z = int(np.rint(at[0])), int(np.rint(at[1])), int(np.rint(at[2]))
            if value_at(volume, x, y, z) > 0:
                observed[g] = True
    return observed


@jit(parallel=True)
def _free(volume: VolumeArrays, kept: Mask) -> None:
    coords, values = volume.coords, volume.values
    for block in numba.prange(len(coords)):
        x, y, z = coords[block, 0], coords[block, 1], coords[block, 2]
        for i in range(BLOCK_SIZE):
            for j in range(BLOCK_SIZE):
                for k in range(BLOCK_SIZE):
                    cell_x, cell_y = x * _CELLS + i // CELL, y * _CELLS + j // CELL
                    if kept[cell_x, cell_y, z * _CELLS + k // CELL]:
                        values[block, i, j, k] = 1
