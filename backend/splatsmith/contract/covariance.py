"""Covariances of Gaussians as principal axes and standard deviations along them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

_TOLERANCE = 1e-12  # cosine between two columns that are perpendicular
_MAX_SWEEPS = 16  # the method converges quadratically: 4 to 6 are usual
# A flat Gaussian's plane is found as if it were a little thick, so that each axis has a direction.
_MIN_RELATIVE_SCALE, _MIN_SCALE = 1e-9, 1e-30

_Columns = NDArray[np.float64]  # [3, 3, N]: column, coordinate, Gaussian


def thicken(scales: NDArray[np.floating]) -> NDArray[np.float64]:
    """`scales` [N, 3] without zeros: each at least a billionth of the Gaussian's largest."""
    x, y, z = scales.T.astype(np.float64)
    least = np.maximum(_MIN_RELATIVE_SCALE * np.maximum(np.maximum(x, y), z), _MIN_SCALE)
    return np.stack([np.maximum(axis, least) for axis in (x, y, z)], axis=1)


def factor_covariances(
    roots: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations R [N, 3, 3] and scales s [N, 3] with R diag(s)^2 R^T = root @ root^T.

    One-sided Jacobi (Hestenes 1958): it keeps the relative accuracy of small scales, which an
    eigendecomposition of the covariance loses, and leaves axes that are perpendicular already.

    Args:
        roots: [N, 3, 3], of full rank.
    """
    columns = np.ascontiguousarray(roots.transpose(2, 1, 0))
    for _ in range(_MAX_SWEEPS):
        cosines = [_make_perpendicular(columns, p, q) for p, q in combinations(range(3), 2)]
        if max(cosines, default=0.0) < _TOLERANCE:
            break
    scales = np.sqrt(np.einsum("kin,kin->kn", columns, columns))
    columns /= scales[:, None]
    columns *= np.sign(_determinants(columns))  # all three: a reflection becomes a rotation
    return columns.transpose(2, 1, 0), scales.T


def _make_perpendicular(columns: _Columns, p: int, q: int) -> float:
    """Rotate columns p and q in their plane; returns the largest cosine that was between them."""
    a, b = columns[p], columns[q]
    aa, bb, ab = (np.einsum("in,in->n", left, right) for left, right in ((a, a), (b, b), (a, b)))
    cosines = np.abs(ab) / np.sqrt(aa * bb)
    largest = float(np.fmax.reduce(cosines, initial=0.0))  # values that are NaN stay so
    if largest < _TOLERANCE:
        return largest
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        zeta = (bb - aa) / (2 * ab)
        tangent = np.copysign(1 / (np.abs(zeta) + np.sqrt(1 + zeta * zeta)), zeta)
    tangent[ab == 0] = 0
    cosine = 1 / np.sqrt(1 + tangent * tangent)
    sine = cosine * tangent
    columns[p], columns[q] = cosine * a - sine * b, sine * a + cosine * b
    return largest


def _determinants(columns: _Columns) -> NDArray[np.float64]:
    (a, b, c), (d, e, f), (g, h, i) = columns
    return a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g)
