"""Real spherical harmonics up to degree 4, in the order and with the signs of splat files.

Condon-Shortley signs, index l^2 + l + m for m = -l..l. A cloud's `shN` starts at index 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SH_C0 = 0.28209479177387814  # the constant one: color = 0.5 + SH_C0 * sh0
_NEGLIGIBLE = 1e-6
_BLOCK = 16_384  # Gaussians at a time
_SAMPLES = 64  # directions at which a band is evaluated to find its rotation; 9 unknowns at most


def basis(directions: NDArray[np.float32], degree: int) -> NDArray[np.float32]:
    """The values [N, (degree + 1)^2] of the harmonics at unit `directions` [N, 3]."""
    x, y, z = directions.T
    out = np.empty((len(directions), (degree + 1) ** 2), np.float32)
    bands = (_band_0, _band_1, _band_2, _band_3, _band_4)
    for band in range(degree + 1):
        for i, values in enumerate(bands[band](x, y, z)):
            out[:, band * band + i] = values
    return out


def rotate_harmonics(
    shN: NDArray[np.float32],  # noqa: N803
    rotation: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Coefficients [N, K, 3] of an object's colours after it was rotated by `rotation` [3, 3].

    Each coefficient is contiguous in memory, as in `empty_cloud`.
    """
    planes = np.empty((shN.shape[1], len(shN), 3), np.float32)
    for rotated, out in zip(rotated_planes(shN, rotation), planes, strict=True):
        out[:] = rotated
    return planes.transpose(1, 0, 2)


def rotated_planes(
    shN: NDArray[np.float32],  # noqa: N803
    rotation: NDArray[np.float64],
) -> Iterator[NDArray[np.float32]]:
    """The same, one coefficient [N, 3] after the other; the next one overwrites it.

    The rotated function's value at d is the old one's at R^-1 d. Bands are closed under rotation,
    so a band's matrix follows from its values at some directions, without Wigner's formulas. Most
    of a quarter turn's matrix is zero, and zeros are skipped: memory bandwidth limits the speed.
    """
    degree = round((shN.shape[1] + 1) ** 0.5) - 1
    total = np.empty((len(shN), 3), np.float32)
    for band in range(1, degree + 1):
        old = shN[:, band * band - 1 : (band + 1) ** 2 - 1]
        for row in _band_rotation(band, rotation):
            used = np.flatnonzero(row)
            _add_up([old[:, k] for k in used], row[used], total)
            yield total


def _add_up(
    planes: list[NDArray[np.float32]], factors: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """The sum of `planes` [N, 3] times their factors, block by block in the processor's cache."""
    part = np.empty((min(_BLOCK, len(out)), 3), np.float32)
    for start in range(0, len(out), _BLOCK):
        rows = slice(start, start + _BLOCK)
        target = out[rows]
        np.multiply(planes[0][rows], factors[0], out=target)
        for plane, factor in zip(planes[1:], factors[1:], strict=True):
            target += np.multiply(plane[rows], factor, out=part[: len(target)])


def _band_rotation(band: int, rotation: NDArray[np.float64]) -> NDArray[np.float32]:
    """Solve Y(d) D = Y(R^-1 d) for D by least squares over many directions."""
    directions = _fibonacci_sphere(_SAMPLES)
    inside = slice(band * band, (band + 1) ** 2)
    new = basis(directions, band)[:, inside].astype(np.float64)
    old = basis((directions @ rotation).astype(np.float32), band)[:, inside].astype(np.float64)
    matrix = np.asarray((np.linalg.pinv(new) @ old).astype(np.float32))
    matrix[np.abs(matrix) < _NEGLIGIBLE] = 0
    is_whole = np.abs(np.abs(matrix) - 1) < _NEGLIGIBLE
    matrix[is_whole] = np.round(matrix[is_whole])  # so that permutations are exact
    return matrix


def _fibonacci_sphere(count: int) -> NDArray[np.float32]:
    """Unit directions [count, 3], evenly spread (Fibonacci lattice)."""
    i = np.arange(count) + 0.5
    z = 1 - 2 * i / count
    angle = i * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1).astype(np.float32)


_Axis = NDArray[np.floating]


def _band_0(x: _Axis, y: _Axis, z: _Axis) -> tuple[_Axis, ...]:
    return (np.full_like(x, SH_C0),)


def _band_1(x: _Axis, y: _Axis, z: _Axis) -> tuple[_Axis, ...]:
    c = 0.4886025119029199
    return (-c * y, c * z, -c * x)


def _band_2(x: _Axis, y: _Axis, z: _Axis) -> tuple[_Axis, ...]:
    c = 1.0925484305920792
    return (
        c * x * y,
        -c * y * z,
        0.31539156525252005 * (3 * z * z - 1),
        -c * x * z,
        0.5462742152960396 * (x * x - y * y),
    )


def _band_3(x: _Axis, y: _Axis, z: _Axis) -> tuple[_Axis, ...]:
    xx, yy, zz = x * x, y * y, z * z
    return (
        -0.5900435899266435 * y * (3 * xx - yy),
        2.890611442640554 * x * y * z,
        -0.4570457994644658 * y * (5 * zz - 1),
        0.3731763325901154 * z * (5 * zz - 3),
        -0.4570457994644658 * x * (5 * zz - 1),
        1.445305721320277 * z * (xx - yy),
        -0.5900435899266435 * x * (xx - 3 * yy),
    )


def _band_4(x: _Axis, y: _Axis, z: _Axis) -> tuple[_Axis, ...]:
    xx, yy, zz = x * x, y * y, z * z
    return (
        2.5033429417967046 * x * y * (xx - yy),
        -1.7701307697799304 * y * z * (3 * xx - yy),
        0.9461746957575601 * x * y * (7 * zz - 1),
        -0.6690465435572892 * y * z * (7 * zz - 3),
        0.10578554691520431 * (zz * (35 * zz - 30) + 3),
        -0.6690465435572892 * x * z * (7 * zz - 3),
        0.47308734787878004 * (xx - yy) * (7 * zz - 1),
        -1.7701307697799304 * x * z * (xx - 3 * yy),
        0.6258357354491761 * (xx * (xx - 3 * yy) - yy * (3 * xx - yy)),
    )
