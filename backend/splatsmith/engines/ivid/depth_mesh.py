"""An RGBD view as a mesh: a vertex for each pixel, torn nowhere, with flags where it would be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from .cameras import FOV, Pose
from .depth_code import Doubles

FRUSTUM_DEPTH = 0.1  # of the border's vertices where it is drawn to the camera
DISCONTINUOUS, PADDING, ERODED = 1, 2, 4  # bits of a vertex's flag

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class MeshOptions:
    """How a view becomes a mesh.

    absolute, relative: tolerances of a triangle's depths and of their inverses; where both are
        exceeded, it is discontinuous.
    erosion: radius in pixels around discontinuities where colours are not trusted.
    padding: the border lies so many pixels outside the image; None draws it to the camera, so that
        the mesh also covers what is beside the view's frustum.
    """

    absolute: float = 0.03
    relative: float = 0.03
    erosion: int = 3
    padding: int | None = None


@dataclass(frozen=True)
class DepthMesh:
    """A grid of vertices in world coordinates, a row and a column wider at each side than the view.

    positions, normals: [R, C, 3]. uvs: [R, C, 2], 0..1 of the image, from its upper left corner.
    flags: [R, C] bits. flips: [R - 1, C - 1] whether a quad's diagonal joins its upper right and
    lower left vertices. eye: [3], the view's camera.
    """

    positions: Doubles
    normals: Doubles
    uvs: Doubles
    flags: Integers
    flips: NDArray[np.bool_]
    eye: Doubles

    @property
    def faces(self) -> Integers:
        """[2 Q, 3] vertices of triangles, counter-clockwise as the view's camera sees them."""
        return _triangles(self.flags.shape, self.flips)


def mesh_of_view(depth: Doubles, pose: Pose, options: MeshOptions, fov: float = FOV) -> DepthMesh:
    """The mesh of z-depths [N, N]."""
    size = len(depth)
    focal = 0.5 / np.tan(np.radians(fov) / 2)
    points, uvs = _unproject(depth, focal)
    normals = np.pad(_grid_normals(points), ((1, 1), (1, 1), (0, 0)), mode="edge")
    points = np.pad(points, ((1, 1), (1, 1), (0, 0)), mode="edge")
    uvs = np.pad(uvs, ((1, 1), (1, 1), (0, 0)), mode="edge")
    depth = np.pad(depth, 1, mode="edge")
    _pad_border(points, depth / (size * focal), options.padding)
    flips = _shorter_diagonals(points)
    flags = _flags(depth, _triangles(depth.shape, flips), options)
    to_world = pose.camera_to_world
    rotation = to_world[:3, :3].T
    return DepthMesh(
        points @ rotation + to_world[:3, 3], normals @ rotation, uvs, flags, flips, pose.position
    )


def _unproject(depth: Doubles, focal: float) -> tuple[Doubles, Doubles]:
    """Points [N, N, 3] in OpenGL's camera axes, and their texture coordinates [N, N, 2]."""
    size = len(depth)
    centers = (np.arange(size) + 0.5) / size
    uvs = np.stack(np.meshgrid(centers, centers), axis=-1)
    rays = np.concatenate([(uvs - 0.5) / focal, np.full((size, size, 1), -1.0)], axis=-1)
    rays[..., 1] *= -1
    return rays * depth[..., None], uvs


def _grid_normals(points: Doubles) -> Doubles:
    """Unit normals [N, N, 3] by smoothed central differences."""
    padded = np.pad(points, ((1, 1), (1, 1), (0, 0)), mode="edge")
    columns = padded[:, 2:] - padded[:, :-2]
    rows = padded[:-2] - padded[2:]
    right = (columns[:-2] + 2 * columns[1:-1] + columns[2:]) / 4
    up = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    normals = np.cross(right, up)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def _pad_border(points: Doubles, pixel: Doubles, padding: int | None) -> None:
    """Move the border of `points` outwards; `pixel` [R, C] is a pixel's side there."""
    shift = pixel * (1 if padding is None else padding)
    points[:, 0, 0] -= shift[:, 0]
    points[:, -1, 0] += shift[:, -1]
    points[0, :, 1] += shift[0]
    points[-1, :, 1] -= shift[-1]
    if padding is None:
        for border in (points[0], points[-1], points[:, 0], points[:, -1]):
            border *= FRUSTUM_DEPTH / -border[:, 2:]


def _shorter_diagonals(points: Doubles) -> NDArray[np.bool_]:
    down = np.linalg.norm(points[:-1, :-1] - points[1:, 1:], axis=-1)
    up = np.linalg.norm(points[:-1, 1:] - points[1:, :-1], axis=-1)
    return down >= up


def _triangles(shape: tuple[int, ...], flips: NDArray[np.bool_]) -> Integers:
    """[2 Q, 3] vertices of the two triangles of each quad, quad by quad."""
    grid = np.arange(shape[0] * shape[1]).reshape(shape)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
    first = np.stack([b, a, np.where(flips, c, d)], axis=-1)
    second = np.stack([c, d, np.where(flips, b, a)], axis=-1)
    return np.stack([first, second], axis=2).reshape(-1, 3)


def _flags(depth: Doubles, triangles: Integers, options: MeshOptions) -> Integers:
    corners = depth.reshape(-1)[triangles]
    inverse = 1 / corners
    torn = np.ptp(corners, axis=1) > options.absolute
    torn &= np.ptp(inverse, axis=1) > options.relative
    discontinuous = np.zeros(depth.size, np.bool_)
    discontinuous[triangles[torn]] = True
    discontinuous = discontinuous.reshape(depth.shape)
    reach = 2 * options.erosion + 1
    kept = np.asarray(minimum_filter(~discontinuous, reach, mode="constant", cval=1), np.bool_)
    flags = DISCONTINUOUS * discontinuous + ERODED * ~kept
    flags[[0, -1]] |= PADDING
    flags[:, [0, -1]] |= PADDING
    return flags
