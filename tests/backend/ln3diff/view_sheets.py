"""Sheets of views of a red ball in the origin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splatsmith.engines.ln3diff.view_sheet import DEPTH_SCALE, DISTANCE, FOCAL

RADIUS = 0.4


def ball_depth(side: int) -> NDArray[np.float64]:
    """Distances along the rays of one view [S, S], 0 beside the ball; all views see the same."""
    axis = ((np.arange(side) + 0.5) / side - 0.5) / FOCAL
    cosine = 1 / np.sqrt(1 + axis[:, None] ** 2 + axis**2)
    root = RADIUS**2 - DISTANCE**2 * (1 - cosine**2)
    return np.where(root > 0, DISTANCE * cosine - np.sqrt(root.clip(0)), 0)


def ball_sheet(side: int) -> NDArray[np.uint8]:
    """RGBA [2 S, 6 S, 4]."""
    depth = ball_depth(side)
    packed = np.rint(depth * DEPTH_SCALE).astype(np.int64)
    below = np.full((side, side, 4), 255, np.uint8)
    below[..., :3] = packed[..., None] >> np.array([16, 8, 0]) & 255
    above = np.zeros((side, side, 4), np.uint8)
    above[..., 0], above[..., 3] = 255, 255 * (depth > 0)
    return np.tile(np.concatenate([above, below]), (1, 6, 1))
