"""Surfels of RGBD views: one for each pixel, less those that another view shows better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..gaussians.surfels import Surfels
from ..progress import Progress
from .view_images import Mask, View, ViewImages

_SIGMA = 0.5  # of the distance between neighbouring pixels on the surface
_RANK_BASE = 1.5  # ratio of two pixels' areas that makes one of them the better


def surfels_of_views(views: ViewImages, depth_tolerance: float, progress: Progress) -> Surfels:
    """Surfels of all views; each place of the surface has those of the view that resolves it best.

    Args:
        depth_tolerance: relative difference between depths of the same surface in two views.

    Raises:
        Cancelled: between two steps.
    """
    each = [views.view(index) for index in range(len(views))]
    kept = _choose_pixels(each, depth_tolerance, progress)
    return Surfels.concatenated(
        [_surfels(view, mask) for view, mask in zip(each, kept, strict=True)]
    )


def _choose_pixels(views: Sequence[View], depth_tolerance: float, progress: Progress) -> list[Mask]:
    """[H, W] masks of the pixels that are kept, one for each view.

    Greedily, the smallest pixels on the surface first. One is left out if its point lies in a pixel
    of another view that is kept: not in one that is left out itself, or cracks would open.
    """
    ranks = [np.floor(np.log(view.areas) / np.log(_RANK_BASE)).astype(int) for view in views]
    kept = [np.zeros_like(view.mask) for view in views]
    levels = np.unique(
        np.concatenate([rank[view.mask] for rank, view in zip(ranks, views, strict=True)])
    )
    for done, level in enumerate(levels):
        progress.step(done, len(levels))
        for index, view in enumerate(views):
            chosen = view.mask & (ranks[index] == level)
            points = view.points[chosen]
            needed = np.ones(len(points), np.bool_)
            for other, mask in zip(views, kept, strict=True):
                if other is not view and mask.any():
                    pixels = other.pixels_of(points[needed], relative=depth_tolerance)
                    needed[needed] = (pixels < 0) | ~mask.reshape(-1)[pixels]
            kept[index][chosen] = needed
    progress.step(1, 1)
    return kept


def _surfels(view: View, kept: Mask) -> Surfels:
    """Discs that cover their pixels: a Gaussian around the pixel, mapped to the tangent plane."""
    right, down = (step[kept] for step in view.steps)
    # Principal axes of right right^T + down down^T, from the Gram matrix of both.
    a, b, c = ((u * v).sum(axis=1) for u, v in ((right, right), (right, down), (down, down)))
    middle, spread = (a + c) / 2, np.hypot((a - c) / 2, b)
    angle = np.arctan2(2 * b, a - c) / 2
    major = np.cos(angle)[:, None] * right + np.sin(angle)[:, None] * down
    lengths = np.sqrt(np.stack([middle + spread, np.maximum(middle - spread, 0)], axis=1))
    return Surfels(
        positions=view.points[kept],
        tangents=major / np.linalg.norm(major, axis=1, keepdims=True),
        normals=view.area_normals[kept] / view.areas[kept][:, None],
        sigmas=np.float32(_SIGMA) * lengths.astype(np.float32),
        colors=view.image[kept],
    )
