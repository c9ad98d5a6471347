"""What a rasteriser is told and what it answers, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import SH_C0, GaussianCloud
from ..contract.harmonics import basis

NEAR_PLANE = 0.01  # nearer Gaussians are not drawn
MIN_ALPHA = 1 / 255  # fainter contributions are left out
MAX_ALPHA = 0.999
MIN_TRANSMITTANCE = 1e-4  # a pixel is full when the next Gaussian would bring it below
REACH = 3.33  # standard deviations at which a Gaussian of opacity 1 falls below MIN_ALPHA
# Beyond this share of the half view outside the picture, the projection is linearised at its edge.
EDGE_MARGIN = 0.3
# Of the half-opaque ellipsoid's radius, on average over its disc: where rays meet it.
SKIN_SHARE = 0.75


@dataclass(frozen=True)
class Rendering:
    """Pictures of C cameras, float32.

    Attributes:
        colors: [C, H, W, 3] sRGB over the background; may exceed 1.
        alphas: [C, H, W] 0..1.
        depths: [C, H, W] z, along the camera's axis, of the surface: of the Gaussian that takes
            the light below one half, where the pixel's ray meets its skin (see `skin`; a slanted
            disc is a slanted plane). 0 where more than half of the light comes through.
    """

    colors: NDArray[np.float32]
    alphas: NDArray[np.float32]
    depths: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Sequence[Rendering]) -> Rendering:
        """All pictures of one or more parts; those of a single one are not copied."""
        if len(parts) == 1:
            return parts[0]
        names = ("colors", "alphas", "depths")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def skin(opacities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far before a Gaussian's peak rays meet it, in standard deviations along the ray.

    There it is half opaque, as where its silhouette is seen from aside; 0 if it never is.
    """
    return np.float32(SKIN_SHARE) * np.sqrt(2 * np.log(np.maximum(1, 2 * opacities)))


def view_colors(cloud: GaussianCloud, position: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colours [N, 3] of the Gaussians as seen from `position` [3]; sRGB, from 0 up."""
    colors = 0.5 + np.float32(SH_C0) * cloud.sh0
    if cloud.degree:
        directions = cloud.means - position
        length = np.sqrt(np.einsum("ij,ij->i", directions, directions))[:, None]
        values = basis(directions / np.maximum(length, 1e-12), cloud.degree)[:, 1:]
        colors += np.einsum("nk,nkc->nc", values, cloud.shN)
    return np.maximum(colors, 0, out=colors)
