"""Unlit rendering of textured or coloured triangle meshes, with a z-buffer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splatsmith.gaussians.cameras import Cameras
from splatsmith.gaussians.numba_jit import Floats, jit
from training.objects import Mesh

from .mesh_colors import MeshArrays, MeshPoints, color_at, mesh_arrays

EMPTY = -1  # a sample without a face
_NEAR = 1e-6
_FAR = np.float32(1e30)

Doubles = NDArray[np.float64]


class _Samples(NamedTuple):
    """One camera's samples while faces are drawn; see `MeshRendering`."""

    depths: Floats
    faces: NDArray[np.int32]
    is_front: NDArray[np.bool_]
    weights: Floats
    colors: Floats


@dataclass(frozen=True)
class MeshRendering:
    """A two-sided mesh seen by C cameras, with n x n samples in each pixel.

    Attributes:
        colors: [C, H, W, 3] sRGB over the background, mean of the samples.
        alphas: [C, H, W] share of the samples that show the mesh.
        depths: [C, nH, nW] z in camera axes at each sample; 0 where it is empty.
        faces: [C, nH, nW] face at each sample, or EMPTY.
        is_front: [C, nH, nW] whether the face is seen from its front, counter-clockwise.
        weights: [C, nH, nW, 2] barycentric, as in `MeshPoints`.
        sample_colors: [C, nH, nW, 3] sRGB at each sample; the background where it is empty.
    """

    colors: NDArray[np.float32]
    alphas: NDArray[np.float32]
    depths: NDArray[np.float32]
    faces: NDArray[np.int32]
    is_front: NDArray[np.bool_]
    weights: NDArray[np.float32]
    sample_colors: NDArray[np.float32]

    @property
    def visible(self) -> NDArray[np.bool_]:
        """[C, nH, nW] whether a sample shows the mesh."""
        return self.faces != EMPTY

    def points(self) -> MeshPoints:
        """The points of the mesh at all samples that show it."""
        return MeshPoints(self.faces[self.visible], self.weights[self.visible])


def render_mesh(
    mesh: Mesh, cameras: Cameras, *, samples: int = 2, background: float = 1.0
) -> MeshRendering:
    """Render `mesh` from each of `cameras`; faces that reach behind a camera are left out."""
    shape = (len(cameras), samples * cameras.height, samples * cameras.width)
    depths = np.full(shape, _FAR, np.float32)
    faces = np.full(shape, EMPTY, np.int32)
    is_front = np.zeros(shape, np.bool_)
    weights = np.zeros((*shape, 2), np.float32)
    colors = np.full((*shape, 3), background, np.float32)
    arrays = mesh_arrays(mesh)
    for i in range(len(cameras)):
        corners = _projected(mesh.vertices, cameras, i, samples)
        _draw(corners, arrays, _Samples(depths[i], faces[i], is_front[i], weights[i], colors[i]))
    visible = faces != EMPTY
    depths[~visible] = 0
    alphas = _averaged(visible[..., None], samples)[..., 0]
    averaged = _averaged(colors, samples)
    return MeshRendering(averaged, alphas, depths, faces, is_front, weights, colors)


def _projected(
    vertices: NDArray[np.float32], cameras: Cameras, index: int, samples: int
) -> Doubles:
    """[V, 3]: column and row in samples, and depth."""
    view, k = cameras.viewmats[index].astype(np.float64), cameras.Ks[index].astype(np.float64)
    x, y, z = (vertices @ view[:3, :3].T + view[:3, 3]).T
    safe = np.where(np.abs(z) < _NEAR, _NEAR, z)
    column, row = k[0, 0] * x / safe + k[0, 2], k[1, 1] * y / safe + k[1, 2]
    return np.stack([samples * column, samples * row, z], axis=1)


def _averaged(values: NDArray, samples: int) -> NDArray[np.float32]:
    """[C, H, W, K] of [C, nH, nW, K]."""
    count, height, width, channels = values.shape
    blocks = (count, height // samples, samples, width // samples, samples, channels)
    return values.reshape(blocks).mean(axis=(2, 4), dtype=np.float32)


@jit()
def _draw(corners: Doubles, mesh: MeshArrays, samples: _Samples) -> None:
    """Draw all faces, corners [V, 3] in samples; the nearest one stays."""
    faces = mesh.faces
    for f in range(len(faces)):
        a, b, c = corners[faces[f, 0]], corners[faces[f, 1]], corners[faces[f, 2]]
        if min(a[2], b[2], c[2]) > _NEAR:
            _draw_face(f, corners, mesh, samples)


@jit()
def _draw_face(f: int, corners: Doubles, mesh: MeshArrays, samples: _Samples) -> None:
    first, second, third = mesh.faces[f]
    a, b, c = corners[first], corners[second], corners[third]
    depths, colors = samples.depths, samples.colors
    area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if area == 0:
        return
    left = max(0, int(np.ceil(min(a[0], b[0], c[0]) - 0.5)))
    right = min(depths.shape[1], int(np.floor(max(a[0], b[0], c[0]) - 0.5)) + 1)
    top = max(0, int(np.ceil(min(a[1], b[1], c[1]) - 0.5)))
    bottom = min(depths.shape[0], int(np.floor(max(a[1], b[1], c[1]) - 0.5)) + 1)
    for y in range(top, bottom):
        for x in range(left, right):
            dx, dy = x + 0.5 - a[0], y + 0.5 - a[1]
            v = (dx * (c[1] - a[1]) - (c[0] - a[0]) * dy) / area
            w = ((b[0] - a[0]) * dy - dx * (b[1] - a[1])) / area
            if v < 0 or w < 0 or v + w > 1:
                continue
            z = 1 / ((1 - v - w) / a[2] + v / b[2] + w / c[2])
            if z >= depths[y, x]:
                continue
            v, w = v * z / b[2], w * z / c[2]  # perspective correct
            red, green, blue, alpha = color_at(mesh, f, v, w)
            if alpha > 0:
                depths[y, x], samples.faces[y, x], samples.is_front[y, x] = z, f, area < 0
                samples.weights[y, x, 0], samples.weights[y, x, 1] = v, w
                colors[y, x, 0], colors[y, x, 1], colors[y, x, 2] = red, green, blue
