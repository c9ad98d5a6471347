"""Pictures of textured or coloured triangle meshes, unlit, by a z-buffer in numba."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splatsmith.gaussians.cameras import Cameras
from splatsmith.gaussians.numba_jit import Floats, jit
from training.objects import Mesh

from .mesh_colors import Paint, Spots, color_at, paint_of

EMPTY = -1  # in place of a face's number
_NEAR = 1e-6
_FAR = np.float32(1e30)

Doubles = NDArray[np.float64]
# Of each sample: depth, face, whether its front, weights of its second and third corner, colour
Samples = tuple[Floats, NDArray[np.int32], NDArray[np.bool_], Floats, Floats]


@dataclass(frozen=True)
class MeshPictures:
    """What C cameras see, two-sided, `n` samples along each side of a pixel.

    Attributes:
        colors: [C, H, W, 3] sRGB over the background, samples averaged.
        alphas: [C, H, W] share of the samples that show the mesh.
        depths: [C, nH, nW] z of the camera's axes at each sample; 0 where there is nothing.
        faces: [C, nH, nW] number of the face at each sample, EMPTY where there is none.
        fronts: [C, nH, nW] whether that face shows its front, counter-clockwise.
        weights: [C, nH, nW, 2] where in its face the sample lies, as in `Spots`.
        sample_colors: [C, nH, nW, 3] sRGB at each sample; the background where there is nothing.
    """

    colors: NDArray[np.float32]
    alphas: NDArray[np.float32]
    depths: NDArray[np.float32]
    faces: NDArray[np.int32]
    fronts: NDArray[np.bool_]
    weights: NDArray[np.float32]
    sample_colors: NDArray[np.float32]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """[C, nH, nW] whether a sample shows the mesh."""
        return self.faces != EMPTY

    def spots(self) -> Spots:
        """The places on the mesh that all the seen samples show."""
        return Spots(self.faces[self.seen], self.weights[self.seen])


def draw_mesh(
    mesh: Mesh, cameras: Cameras, *, samples: int = 2, background: float = 1.0
) -> MeshPictures:
    """Draw `mesh` as each of `cameras` sees it; faces that reach behind one are not drawn."""
    shape = (len(cameras), samples * cameras.height, samples * cameras.width)
    depths = np.full(shape, _FAR, np.float32)
    faces = np.full(shape, EMPTY, np.int32)
    fronts = np.zeros(shape, np.bool_)
    weights = np.zeros((*shape, 2), np.float32)
    colors = np.full((*shape, 3), background, np.float32)
    paint = paint_of(mesh)
    for i in range(len(cameras)):
        corners = _projected(mesh.vertices, cameras, i, samples)
        _draw(corners, paint, (depths[i], faces[i], fronts[i], weights[i], colors[i]))
    seen = faces != EMPTY
    depths[~seen] = 0
    alphas = _averaged(seen[..., None], samples)[..., 0]
    averaged = _averaged(colors, samples)
    return MeshPictures(averaged, alphas, depths, faces, fronts, weights, colors)


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
def _draw(corners: Doubles, paint: Paint, found: Samples) -> None:
    """Every face in turn; a sample keeps the nearest."""
    faces = paint[0]
    for f in range(len(faces)):
        a, b, c = corners[faces[f, 0]], corners[faces[f, 1]], corners[faces[f, 2]]
        if min(a[2], b[2], c[2]) > _NEAR:
            _draw_face(f, (a, b, c), paint, found)


@jit()
def _draw_face(f: int, corners: tuple[Doubles, ...], paint: Paint, found: Samples) -> None:
    a, b, c = corners
    depths, faces, fronts, weights, colors = found
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
            second = (dx * (c[1] - a[1]) - (c[0] - a[0]) * dy) / area
            third = ((b[0] - a[0]) * dy - dx * (b[1] - a[1])) / area
            if second < 0 or third < 0 or second + third > 1:
                continue
            z = 1 / ((1 - second - third) / a[2] + second / b[2] + third / c[2])
            if z >= depths[y, x]:
                continue
            second, third = second * z / b[2], third * z / c[2]  # in space, not in the picture
            red, green, blue, alpha = color_at(paint, f, second, third)
            if alpha > 0:
                depths[y, x], faces[y, x], fronts[y, x] = z, f, area < 0
                weights[y, x, 0], weights[y, x, 1] = second, third
                colors[y, x, 0], colors[y, x, 1], colors[y, x, 2] = red, green, blue
