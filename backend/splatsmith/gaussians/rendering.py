"""A rasteriser's result, and the constants and formulas that all rasterisers share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import SH_C0, GaussianCloud
from ..contract.harmonics import basis

NEAR_PLANE = 0.01  # Gaussians with a smaller z-depth are not drawn, unless the camera says else
EPS2D = 0.3  # added to the 2D variances, pixels^2, unless a call says otherwise
MIN_ALPHA = 1 / 255  # fainter contributions are left out
MAX_ALPHA = 0.999
MIN_TRANSMITTANCE = 1e-4  # a pixel is full when the next Gaussian would bring it below
CUTOFF_SIGMAS = 3.33  # where a Gaussian of opacity 1 falls below MIN_ALPHA
# Beyond this share of the half image outside the image, the projection is linearised at the edge.
EDGE_MARGIN = 0.3
# Of the half-opaque ellipsoid's radius, on average over its disc: where rays meet it.
SURFACE_SHARE = 0.75


@dataclass(frozen=True)
class Rendering:
    """Images of C cameras, float32.

    Attributes:
        colors: [C, H, W, 3] sRGB over the background; may exceed 1.
        alphas: [C, H, W] 0..1.
        depths: [C, H, W] z-depth of the surface: of the Gaussian at which the transmittance falls
            below one half, where the pixel's ray meets its half-opaque surface (see
            `surface_offset`; a slanted disc is a slanted plane). 0 where the pixel's alpha stays
            below one half.
    """

    colors: NDArray[np.float32]
    alphas: NDArray[np.float32]
    depths: NDArray[np.float32]

    @classmethod
    def concatenated(cls, parts: Sequence[Rendering]) -> Rendering:
        """The images of one or more parts; those of a single part are not copied."""
        if len(parts) == 1:
            return parts[0]
        names = ("colors", "alphas", "depths")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def surface_offset(opacities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far before a Gaussian's peak rays meet its surface, in standard deviations along the ray.

    The surface is where the Gaussian is half opaque, as its silhouette is; 0 if it nowhere is.
    """
    return np.float32(SURFACE_SHARE) * np.sqrt(2 * np.log(np.maximum(1, 2 * opacities)))


def view_colors(cloud: GaussianCloud, position: NDArray[np.float32]) -> NDArray[np.float32]:
    """[N, 3] colours of the Gaussians seen from `position` [3]; sRGB, clamped at 0 from below."""
    colors = 0.5 + np.float32(SH_C0) * cloud.sh0
    if cloud.degree:
        directions = cloud.means - position
        length = np.sqrt(np.einsum("ij,ij->i", directions, directions))[:, None]
        values = basis(directions / np.maximum(length, 1e-12), cloud.degree)[:, 1:]
        colors += np.einsum("nk,nkc->nc", values, cloud.shN)
    return np.maximum(colors, 0, out=colors)
