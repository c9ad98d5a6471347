"""Gaussians in memory, with all values activated: logarithms and logits exist only in files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .harmonics import SH_C0

COEFFICIENTS = {degree: (degree + 1) ** 2 - 1 for degree in range(5)}
"""The number of higher harmonics by their degree."""

MAX_DEGREE = max(COEFFICIENTS)
_DEGREES = {count: degree for degree, count in COEFFICIENTS.items()}


@dataclass(frozen=True)
class GaussianCloud:
    """N Gaussians; every array is float32.

    Attributes:
        means: [N, 3] centres.
        quats: [N, 4] rotations, wxyz, unit length.
        scales: [N, 3] standard deviations along the rotated axes, linear.
        opacities: [N] 0..1.
        sh0: [N, 3] constant harmonic, raw: colour = 0.5 + SH_C0 * sh0, sRGB.
        shN: [N, K, 3] higher harmonics; K is 0, 3, 8, 15 or 24 for degree 0 to 4.

    Raises:
        ValueError: an array has another shape or type.
    """

    means: NDArray[np.float32]
    quats: NDArray[np.float32]
    scales: NDArray[np.float32]
    opacities: NDArray[np.float32]
    sh0: NDArray[np.float32]
    shN: NDArray[np.float32]  # noqa: N815  (the field's name everywhere)

    def __post_init__(self) -> None:
        n = len(self.means)
        k = self.shN.shape[1] if self.shN.ndim == 3 else -1
        if k not in _DEGREES:
            raise ValueError(f"shN is {self.shN.shape}, not [N, 0 | 3 | 8 | 15 | 24, 3]")
        shapes = {
            "means": (n, 3),
            "quats": (n, 4),
            "scales": (n, 3),
            "opacities": (n,),
            "sh0": (n, 3),
            "shN": (n, k, 3),
        }
        for name, shape in shapes.items():
            array = cast("NDArray[np.float32]", getattr(self, name))
            if array.shape != shape or array.dtype != np.float32:
                raise ValueError(f"{name} is {array.dtype}{array.shape}, not float32{shape}")

    def __len__(self) -> int:
        return len(self.means)

    @property
    def degree(self) -> int:
        """Degree of the spherical harmonics, 0 to 4."""
        return _DEGREES[self.shN.shape[1]]

    @property
    def colors(self) -> NDArray[np.float32]:
        """[N, 3] view-independent colours, sRGB, 0..1."""
        return np.clip(0.5 + np.float32(SH_C0) * self.sh0, 0, 1)

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> GaussianCloud:
        """The Gaussians at a mask or at indices; all arrays are copied.

        Each coefficient of `shN` is contiguous in memory, as in `empty_cloud`.
        """
        return GaussianCloud(
            self.means[chosen],
            self.quats[chosen],
            self.scales[chosen],
            self.opacities[chosen],
            self.sh0[chosen],
            self.shN.transpose(1, 0, 2)[:, chosen].transpose(1, 0, 2),
        )

    def rows(self, rows: slice) -> GaussianCloud:
        """The Gaussians of a range; nothing is copied."""
        return GaussianCloud(
            self.means[rows],
            self.quats[rows],
            self.scales[rows],
            self.opacities[rows],
            self.sh0[rows],
            self.shN[rows],
        )


def empty_cloud(count: int, degree: int) -> GaussianCloud:
    """A cloud of `count` Gaussians with uninitialised arrays.

    Each coefficient of `shN` is contiguous in memory: that makes rotating a band, and turning a
    coefficient into an attribute, four times as fast as one contiguous row per Gaussian.
    """
    vectors = (np.empty((count, *shape), np.float32) for shape in ((3,), (4,), (3,), (), (3,)))
    planes = np.empty((COEFFICIENTS[degree], count, 3), np.float32)
    return GaussianCloud(*vectors, shN=planes.transpose(1, 0, 2))
