"""Color adjustments: brightness, contrast, saturation, tint and opacity, as an affine map.

All but the opacity work on display colors (sRGB), as they are in splat files. A color is
0.5 + SH_C0 * sh0 + the higher harmonics in the view's direction, so that an affine map of it is one
of the coefficients too, in all directions at once.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import SH_C0
from ..contract.problems import InvalidRequest

LUMA = (0.2126, 0.7152, 0.0722)  # Rec. 709


@dataclass(frozen=True)
class ColorAdjustment:
    """First tint, then saturation, contrast and brightness; the defaults change nothing.

    brightness: is added. contrast: -1 is gray, 0 none; around 0.5, as in Blender's node
        Brightness/Contrast.
    saturation: 0 is gray. tint: linear RGB, as of Blender's color fields; multiplied as sRGB.
    opacity: is multiplied; the product ends at 1.

    Raises:
        InvalidRequest: a value is out of range.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    opacity: float = 1.0

    def __post_init__(self) -> None:
        *numbers, tint, opacity = astuple(self)
        if not np.isfinite([*numbers, *tint, opacity]).all():
            raise InvalidRequest("A color adjustment is not a number.", "Give finite numbers.")
        if self.contrast < -1 or min(self.saturation, self.opacity, *self.tint) < 0:
            raise InvalidRequest(
                "A color adjustment is out of range.",
                "Contrast is -1 or more; saturation, tint and opacity are 0 or more.",
            )

    @property
    def changes_color(self) -> bool:
        """Whether anything but the opacity is adjusted."""
        return self != ColorAdjustment(opacity=self.opacity)

    def affine(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A [3, 3] and b [3]: an sRGB color c becomes A @ c + b."""
        tint = np.diag(srgb_from_linear(np.array(self.tint, np.float64)))
        gray = np.tile(LUMA, (3, 1))
        saturation = gray + self.saturation * (np.eye(3) - gray)
        offset = self.brightness - 0.5 * self.contrast
        return (1 + self.contrast) * saturation @ tint, np.full(3, offset)

    def apply_to_base(self, base: NDArray[np.float32]) -> NDArray[np.float32]:
        """Constant coefficients and opacities [N, 4] of the adjusted splats."""
        matrix, offset = self.affine()
        shift = (0.5 * matrix.sum(axis=1) + offset - 0.5) / SH_C0
        out = np.empty_like(base)
        out[:, :3] = _multiply(base, matrix) + shift.astype(np.float32)
        np.clip(base[:, 3] * np.float32(self.opacity), 0, 1, out=out[:, 3])
        return out

    def apply_to_harmonic(self, coefficient: NDArray[np.float32]) -> NDArray[np.float32]:
        """One higher coefficient [N, 3] of the adjusted splats."""
        return _multiply(coefficient, self.affine()[0])


def srgb_from_linear(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1."""
    bright = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, bright)


def _multiply(colors: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """The first three columns of `colors` [N, 3 or 4] times a matrix, without BLAS."""
    red, green, blue = np.ascontiguousarray(colors[:, :3].T)
    rows = matrix.astype(np.float32)
    return np.stack([r * red + g * green + b * blue for r, g, b in rows], axis=1)
