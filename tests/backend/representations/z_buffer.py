"""A small z-buffer: the depths of a triangle mesh, and which of its points each pixel shows."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from splatsmith.gaussians.cameras import Cameras
from splatsmith.gaussians.numba_jit import Floats, Integers, jit

Doubles = NDArray[np.float64]


def rasterize_mesh(mesh: trimesh.Trimesh, cameras: Cameras, index: int) -> tuple[Floats, Floats]:
    """z-depths [H, W], 0 where no face is, and points [H, W, 3] on the mesh at pixels' centres."""
    view, k = cameras.viewmats[index].astype(np.float64), cameras.Ks[index].astype(np.float64)
    x, y, z = (mesh.vertices @ view[:3, :3].T + view[:3, 3]).T
    corners = np.stack([k[0, 0] * x / z + k[0, 2], k[1, 1] * y / z + k[1, 2], z], axis=1)
    shape = (cameras.height, cameras.width)
    depths = np.full(shape, np.inf, np.float32)
    points = np.zeros((*shape, 3), np.float32)
    vertices = np.asarray(mesh.vertices, np.float64)
    _rasterize(corners, vertices, np.asarray(mesh.faces, np.int64), depths, points)
    depths[~np.isfinite(depths)] = 0
    return depths, points


@jit()
def _rasterize(
    corners: Doubles, vertices: Doubles, faces: Integers, depths: Floats, points: Floats
) -> None:
    height, width = depths.shape
    for face in faces:
        a, b, c = corners[face[0]], corners[face[1]], corners[face[2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area == 0 or min(a[2], b[2], c[2]) <= 0:
            continue
        left = max(0, int(np.ceil(min(a[0], b[0], c[0]) - 0.5)))
        right = min(width, int(np.floor(max(a[0], b[0], c[0]) - 0.5)) + 1)
        top = max(0, int(np.ceil(min(a[1], b[1], c[1]) - 0.5)))
        bottom = min(height, int(np.floor(max(a[1], b[1], c[1]) - 0.5)) + 1)
        for row in range(top, bottom):
            for column in range(left, right):
                dx, dy = column + 0.5 - a[0], row + 0.5 - a[1]
                u = (dx * (c[1] - a[1]) - (c[0] - a[0]) * dy) / area
                v = ((b[0] - a[0]) * dy - dx * (b[1] - a[1])) / area
                if u < 0 or v < 0 or u + v > 1:
                    continue
                depth = 1 / ((1 - u - v) / a[2] + u / b[2] + v / c[2])
                if depth >= depths[row, column]:
                    continue
                depths[row, column] = depth
                u, v = u * depth / b[2], v * depth / c[2]  # perspective-correct
                for axis in range(3):
                    points[row, column, axis] = (
                        (1 - u - v) * vertices[face[0], axis]
                        + u * vertices[face[1], axis]
                        + v * vertices[face[2], axis]
                    )
