"""The triangle surface of a signed distance volume, within a face budget.

What follows the volume is the same wherever it comes from: cavities filled, noise smoothed,
contoured, small components dropped, simplified, and mirrored if the shape is symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...contract.problems import InvalidRequest
from ...contract.protocol import ExtractionOptions
from ...progress import Progress
from ..array_types import Mask
from ..simplify.simplification import join_mirror_image, simplify
from .cavity_filling import fill_cavities
from .marching_cubes import marching_cubes
from .sparse_volume import SparseVolume, smooth_volume
from .symmetry import is_symmetric
from .triangle_surface import Surface, remove_small_components

_MIN_SYMMETRIC_FACES = 64  # a smaller budget is too small for two halves
_SYMMETRY_TOLERANCE = 1.5  # voxels between a point and its mirror image
_BOUNDARY_TOLERANCES = 100  # in a voxel: how near the boundary of a half lies to the plane


@dataclass(frozen=True)
class SurfaceShape:
    """What the surface of an object is like.

    Attributes:
        mirror_plane: x of the plane nearest to a symmetry; a voxel's centre lies in it.
        closed: a closed surface, without shells inside others, rather than an open one.
        filled: cells within a closed one that are to be filled, as in `fill_cavities`.
    """

    mirror_plane: float
    closed: bool
    filled: Mask | None = None


def surface_from_volume(
    volume: SparseVolume, shape: SurfaceShape, options: ExtractionOptions, progress: Progress
) -> Surface:
    """The volume's surface, in its frame, of at most `options.face_budget` faces.

    Closed shapes have their cavities filled, with the bottom as in `options.close_bottom`.

    Raises:
        InvalidRequest: there is no surface.
        Cancelled: between two steps.
    """
    progress.part("Filling cavities", 0, 0.25).step(0, 1)
    if shape.closed:
        volume = fill_cavities(volume, options.close_bottom, shape.filled)
    progress.part("Finding the surface", 0.25, 0.5).step(0, 1)
    volume = smooth_volume(volume)
    surface = clean_surface(marching_cubes(volume), shape)
    progress.part("Reducing the surface", 0.5, 1).step(0, 1)
    return _reduce(surface, volume, shape, options.face_budget)


def clean_surface(surface: Surface, shape: SurfaceShape) -> Surface:
    """Without small components and, if closed, without shells inside others.

    Raises:
        InvalidRequest: nothing is left.
    """
    cleaned = remove_small_components(surface, shape.mirror_plane, shape.closed)
    if not len(cleaned.faces):
        raise InvalidRequest(
            "No surface was found in this cloud.",
            "It may be too faint or too thin; take points from it instead.",
        )
    return cleaned


def _reduce(
    surface: Surface, volume: SparseVolume, shape: SurfaceShape, face_budget: int
) -> Surface:
    """`surface` simplified; if it is symmetric, one half of it and its mirror image."""
    plane, voxel_size = shape.mirror_plane, volume.grid.voxel_size
    tolerance = _SYMMETRY_TOLERANCE * voxel_size
    if face_budget < _MIN_SYMMETRIC_FACES or not is_symmetric(surface.vertices, plane, tolerance):
        return simplify(surface, face_budget)
    half = clean_surface(marching_cubes(volume, volume.grid.column(plane)), shape)
    simplified = simplify(half, face_budget // 2)
    return join_mirror_image(simplified, plane, voxel_size / _BOUNDARY_TOLERANCES)
