"""What earlier views show of a new one: their meshes drawn into its camera and blended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats
from .cameras import FOV, Camera
from .depth_code import Doubles
from .depth_mesh import DepthMesh
from .z_buffer import Lens, MeshArrays, Sums, band_count, draw_meshes, empty_sums, project
from .z_buffer_cuda import draw_on_gpu


@dataclass(frozen=True)
class RenderSettings:
    """size: pixels a side. near, far: planes outside of which nothing is drawn."""

    size: int
    near: float
    far: float
    fov: float = FOV

    @property
    def lens(self) -> Lens:
        focal = 0.5 * self.size / np.tan(np.radians(self.fov) / 2)
        return Lens(self.size, float(focal), self.near, self.far)


@dataclass(frozen=True)
class Aggregate:
    """Blended meshes at S x S pixels: colors [S, S, 3], z-depths [S, S] (near where nothing is);
    whether anything is there, and whether its depth and colour are reliable.
    """

    colors: Floats
    depths: Floats
    is_covered: NDArray[np.bool_]
    is_seen: NDArray[np.bool_]
    is_color_seen: NDArray[np.bool_]


def mesh_arrays(meshes: Sequence[DepthMesh], images: Floats) -> MeshArrays:
    """Meshes of one size, with their views' images [M, N, N, 3]."""
    count = len(meshes)
    return MeshArrays(
        _floats([mesh.positions for mesh in meshes]).reshape(count, -1, 3),
        _floats([mesh.normals for mesh in meshes]).reshape(count, -1, 3),
        np.stack([mesh.flags.astype(np.uint8) for mesh in meshes]).reshape(count, -1),
        np.stack([mesh.flips for mesh in meshes]),
        _floats([mesh.eye for mesh in meshes]),
        np.ascontiguousarray(images, np.float32),
    )


def _floats(arrays: Sequence[Doubles]) -> Floats:
    """Stacked; converted one by one, which takes half as long as the whole."""
    return np.stack([array.astype(np.float32) for array in arrays])


def aggregate(
    meshes: MeshArrays, camera: Camera, settings: RenderSettings, device: str = "cpu"
) -> Aggregate:
    """Draw all meshes into a camera."""
    lens, view = settings.lens, camera.world_to_camera
    if device != "cpu":
        return means_of(draw_on_gpu(meshes, view, lens, device), settings.near)
    sums = empty_sums(settings.size)
    draw_meshes(meshes, project(meshes, view, lens), lens, sums, band_count(settings.size))
    return means_of(sums, settings.near)


def means_of(sums: Sums, near: float) -> Aggregate:
    """The blended colours and depths; `near` is the depth where nothing is."""
    weights, inverses, inverse_weights = (sums.planes[..., plane] for plane in (3, 4, 5))
    is_covered = inverse_weights > 0
    inverse = np.where(is_covered, inverses / np.where(is_covered, inverse_weights, 1), 1 / near)
    colors = sums.planes[..., :3] / np.where(weights > 0, weights, np.float32(1))[..., None]
    return Aggregate(
        colors.astype(np.float32),
        (1 / inverse).astype(np.float32),
        is_covered,
        sums.counts[..., 0] > 0,
        sums.counts[..., 1] > 0,
    )
