"""Splats drawn by the formulas in numpy, every splat at every pixel, in float64."""

from __future__ import annotations

import numpy as np

from blender_addon.contract.cloud import SH_C0
from blender_addon.contract.transform import rotation_matrices
from blender_addon.viewport.packing import Instance, SplatArrays, View

EPS2D = 0.3
MIN_ALPHA, MAX_ALPHA = 1 / 255, 0.999


def draw_reference(part: SplatArrays, instance: Instance, view: View) -> np.ndarray:
    """[H, W, 4] premultiplied sRGB, row 0 at the bottom; perspective or orthographic."""
    image = np.zeros((view.height, view.width, 4))
    columns = np.arange(view.width) + 0.5
    rows = np.arange(view.height)[:, None] + 0.5
    colors = 0.5 + SH_C0 * part.base[:, :3]
    colors = np.maximum(colors @ instance.color_map[:, :3].T + instance.color_map[:, 3], 0)
    centers, covariances, depths = _project(part, instance, view)
    for i in np.argsort(-depths):
        dx, dy = columns - centers[i, 0], rows - centers[i, 1]
        inverse = np.linalg.inv(covariances[i] + EPS2D * np.eye(2))
        square = inverse[0, 0] * dx * dx + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy * dy
        alpha = np.minimum(
            MAX_ALPHA, min(1, part.base[i, 3] * instance.opacity) * np.exp(-square / 2)
        )
        alpha = np.where(alpha >= MIN_ALPHA, alpha, 0)[..., None]
        image = (1 - alpha) * image + alpha * np.append(colors[i], 1)
    return image


def _project(part: SplatArrays, instance: Instance, view: View) -> tuple[np.ndarray, ...]:
    """Pixel coordinates [N, 2], their covariances [N, 2, 2] and depths [N] of a view in front.

    The derivative of the projection is taken numerically.
    """
    whole = view.view @ instance.matrix
    points = part.positions.T.astype(np.float64)

    def pixels(at: np.ndarray) -> np.ndarray:
        clip = np.concatenate([at, np.ones((len(at), 1))], axis=1) @ (view.projection @ whole).T
        return (0.5 + 0.5 * clip[:, :2] / clip[:, 3:]) * (view.width, view.height)

    step = 1e-5
    derivative = np.stack(
        [
            (pixels(points + step * axis) - pixels(points - step * axis)) / (2 * step)
            for axis in np.eye(3)
        ],
        axis=2,
    )
    quats = part.rotations / np.linalg.norm(part.rotations, axis=1, keepdims=True)
    axes = rotation_matrices(quats) * (instance.size * part.scales[:, None, :])
    spread = derivative @ axes
    depths = -(points @ whole[2, :3] + whole[2, 3])
    return pixels(points), spread @ spread.transpose(0, 2, 1), depths
