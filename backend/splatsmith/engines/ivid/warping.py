"""The condition of a new view: what earlier views show of it, as the network takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import minimum_filter

from ...gaussians.numba_jit import Floats
from .aggregation import Aggregate, RenderSettings
from .cameras import FOV
from .depth_code import encode_depth, is_continuous
from .depth_mesh import MeshOptions

SUPERSAMPLING = 3
RENDER_NEAR, RENDER_FAR = 0.01, 200.0
SEEN_SHARE = 0.75  # of a pixel's samples, above which it counts as seen


@dataclass(frozen=True)
class WarpedView:
    """Earlier views as a new camera sees them, N x N pixels.

    colors: [N, N, 3], 0..1, zero where `color_mask` is. codes: [N, N] depth codes, zero where
    `mask` is. masks: [N, N] bool. bounds: [N, N] depth codes everywhere: where nothing is seen, the
    new view lies at these or behind them.
    """

    colors: Floats
    codes: Floats
    mask: NDArray[np.bool_]
    color_mask: NDArray[np.bool_]
    bounds: Floats


def render_settings(size: int, fov: float = FOV) -> RenderSettings:
    """For the condition of a view of `size` pixels."""
    return RenderSettings(SUPERSAMPLING * size, RENDER_NEAR, RENDER_FAR, fov)


def warped_view(seen: Aggregate, options: MeshOptions, factor: int = SUPERSAMPLING) -> WarpedView:
    """The condition from an aggregate with `factor` samples along a pixel's side."""
    size = len(seen.depths) // factor
    first = (factor - 1) // 2
    bounds = encode_depth(seen.depths[first::factor, first::factor].astype(np.float64))
    mask = _mostly(seen.is_seen, factor)
    mask &= is_continuous(bounds, options.absolute, options.relative)
    reach = 2 * options.erosion - 1
    eroded = np.asarray(minimum_filter(mask, reach, mode="constant", cval=1), np.bool_)
    color_mask = _mostly(seen.is_color_seen, factor) & eroded
    colors = resized_colors(seen.colors, size) * color_mask[..., None]
    return WarpedView(
        colors, (bounds * mask).astype(np.float32), mask, color_mask, bounds.astype(np.float32)
    )


def _mostly(samples: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    blocks = samples.reshape(len(samples) // factor, factor, -1, factor)
    return blocks.sum(axis=(1, 3)) > SEEN_SHARE * factor**2


def resized_colors(colors: Floats, size: int) -> Floats:
    """[size, size, 3] by Lanczos' filter, of 8-bit colours."""
    image = Image.fromarray((255 * np.clip(colors, 0, 1)).astype(np.uint8))
    resized = image.resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized, np.float32) / np.float32(255)
