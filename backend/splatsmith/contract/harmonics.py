"""Real spherical harmonics as 3D Gaussian Splatting orders and signs them, and how they turn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

C1 = 0.4886025119029199
C2 = (1.0925484305920792, -1.0925484305920792, 0.31539156525252005)
C3 = (0.5900435899266435, 2.890611442640554, 0.4570457994644658, 0.3731763325901154)
C4 = (
    *(2.5033429417967046, 1.7701307697799304, 0.9461746957575601),
    *(0.6690465435572892, 0.10578554691520431, 0.47308734787878004, 0.6258357354491761),
)


def evaluate_band(degree: int, directions: NDArray[np.floating]) -> NDArray[np.floating]:
    """Harmonics of one degree, 1 to 4, at unit `directions` [M, 3]; returns [M, 2 degree + 1]."""
    x, y, z = directions[:, 0], directions[:, 1], directions[:, 2]
    xx, yy, zz = x * x, y * y, z * z
    bands = {1: _band1, 2: _band2, 3: _band3, 4: _band4}
    return np.stack(bands[degree](x, y, z, (xx, yy, zz)), axis=1)


def turn_matrix(degree: int, rotation: NDArray[np.floating]) -> NDArray[np.float32]:
    """The matrix that turns one band's coefficients by `rotation` [3, 3].

    What is seen from direction d after the turn is what was seen from R^T d before it, so that
    Y(d) D = Y(R^T d); D is solved from more directions than it has columns.
    """
    directions = _spread_directions(4 * degree + 4)
    after = evaluate_band(degree, directions)
    before = evaluate_band(degree, directions @ rotation.astype(np.float64))
    return np.linalg.lstsq(after, before, rcond=None)[0].astype(np.float32)


def turn_harmonics(
    shN: NDArray[np.float32],  # noqa: N803  (the field's name everywhere)
    rotation: NDArray[np.floating],
) -> NDArray[np.float32]:
    """Turn higher harmonics [N, K, 3] by `rotation` [3, 3].

    The result's memory is coefficient-major: `result[:, k]` is contiguous, as Blender's attributes
    want it.
    """
    count, coefficients, channels = shN.shape
    planes = np.empty((coefficients, count * channels), np.float32)
    degree, start = 1, 0
    while start < coefficients:
        stop = start + 2 * degree + 1
        band = np.ascontiguousarray(shN[:, start:stop].transpose(1, 0, 2))
        matrix = turn_matrix(degree, rotation)
        np.matmul(matrix, band.reshape(stop - start, -1), out=planes[start:stop])
        degree, start = degree + 1, stop
    return planes.reshape(coefficients, count, channels).transpose(1, 0, 2)


def _spread_directions(count: int) -> NDArray[np.float64]:
    """Points of a Fibonacci lattice on the unit sphere, [count, 3]."""
    i = np.arange(count) + 0.5
    z = 1 - 2 * i / count
    azimuth = np.pi * (1 + 5**0.5) * i
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=1)


_Axis = NDArray[np.floating]
_Squares = tuple[_Axis, _Axis, _Axis]


def _band1(x: _Axis, y: _Axis, z: _Axis, squares: _Squares) -> tuple[_Axis, ...]:
    return -C1 * y, C1 * z, -C1 * x


def _band2(x: _Axis, y: _Axis, z: _Axis, squares: _Squares) -> tuple[_Axis, ...]:
    xx, yy, zz = squares
    return (
        C2[0] * x * y,
        C2[1] * y * z,
        C2[2] * (2 * zz - xx - yy),
        C2[1] * x * z,
        C2[0] / 2 * (xx - yy),
    )


def _band3(x: _Axis, y: _Axis, z: _Axis, squares: _Squares) -> tuple[_Axis, ...]:
    xx, yy, zz = squares
    return (
        -C3[0] * y * (3 * xx - yy),
        C3[1] * x * y * z,
        -C3[2] * y * (4 * zz - xx - yy),
        C3[3] * z * (2 * zz - 3 * xx - 3 * yy),
        -C3[2] * x * (4 * zz - xx - yy),
        C3[1] / 2 * z * (xx - yy),
        -C3[0] * x * (xx - 3 * yy),
    )


def _band4(x: _Axis, y: _Axis, z: _Axis, squares: _Squares) -> tuple[_Axis, ...]:
    xx, yy, zz = squares
    return (
        C4[0] * x * y * (xx - yy),
        -C4[1] * y * z * (3 * xx - yy),
        C4[2] * x * y * (7 * zz - 1),
        -C4[3] * y * z * (7 * zz - 3),
        C4[4] * (zz * (35 * zz - 30) + 3),
        -C4[3] * x * z * (7 * zz - 3),
        C4[5] * (xx - yy) * (7 * zz - 1),
        -C4[1] * x * z * (xx - 3 * yy),
        C4[6] * (xx * (xx - 3 * yy) - yy * (3 * xx - yy)),
    )
