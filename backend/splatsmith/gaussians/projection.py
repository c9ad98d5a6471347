"""Gaussians projected to a picture, for the CPU (EWA splatting, Zwicker et al. 2001, eq. 22-31)."""

from __future__ import annotations

import numba
import numpy as np

from .numba_jit import Floats, Number, jit
from .rendering import EDGE_MARGIN, MIN_ALPHA, NEAR_PLANE, REACH, SKIN_SHARE

# Columns of a projected Gaussian. CONIC: its inverse 2D covariance. REACH: half the box, in pixels,
# outside of which it is fainter than MIN_ALPHA; below 0 where it is not seen at all. DEPTH: of its
# centre. SKIN: the depth at which the ray through its centre meets its skin (`rendering.skin`), and
# SLOPE how that grows with the pixel's distance from there.
X, Y, CONIC_XX, CONIC_XY, CONIC_YY, OPACITY, DEPTH, REACH_X, REACH_Y, RED, GREEN, BLUE = range(12)
SKIN, SLOPE_X, SLOPE_Y = 12, 13, 14
COLUMNS = 15

Gaussians = tuple[Floats, Floats, Floats, Floats]  # means, quats, scales, opacities
Camera = tuple[Floats, Floats, int, int]  # viewmat [4, 4], K [3, 3], width, height

_NOTHING, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)
_MARGIN = np.float32(0.5 * EDGE_MARGIN)
_MIN_ALPHA = np.float32(MIN_ALPHA)
_REACH = np.float32(REACH)
_SKIN_SHARE = np.float32(SKIN_SHARE)


@jit(parallel=True)
def project(gaussians: Gaussians, colors: Floats, camera: Camera, eps2d: np.float32) -> Floats:
    """The splats [N, COLUMNS] of `gaussians` with `colors` [N, 3].

    `eps2d` is added to the 2D variances, pixels^2.
    """
    means, quats, scales, opacities = gaussians
    view, k, width, height = camera
    splats = np.empty((len(means), COLUMNS), np.float32)
    for i in numba.prange(len(means)):
        out = splats[i]
        out[REACH_X] = -1
        x, y, z = _turn(view, means[i, 0], means[i, 1], means[i, 2])
        x, y, z = x + view[0, 3], y + view[1, 3], z + view[2, 3]
        if not (z >= NEAR_PLANE and opacities[i] >= _MIN_ALPHA):  # so that NaN is left out too
            continue
        out[X] = k[0, 0] * x / z + k[0, 2]
        out[Y] = k[1, 1] * y / z + k[1, 2]
        out[DEPTH] = z
        slopes = _within_margin(x / z, 0, k, width), _within_margin(y / z, 1, k, height)
        xx, xy, yy, xz, yz, zz = _flatten(view, k, z, slopes, quats[i], scales[i])
        out[OPACITY] = opacities[i]
        _shape(out, xx + eps2d, xy, yy + eps2d, width, height)
        out[SLOPE_X] = out[CONIC_XX] * xz + out[CONIC_XY] * yz
        out[SLOPE_Y] = out[CONIC_XY] * xz + out[CONIC_YY] * yz
        left = max(zz - out[SLOPE_X] * xz - out[SLOPE_Y] * yz, _NOTHING)
        out[SKIN] = z - _skin(opacities[i]) * np.sqrt(left)
        out[RED], out[GREEN], out[BLUE] = colors[i, 0], colors[i, 1], colors[i, 2]
    return splats


@jit()
def _turn(view: Floats, x: Number, y: Number, z: Number) -> tuple[Number, Number, Number]:
    return (
        view[0, 0] * x + view[0, 1] * y + view[0, 2] * z,
        view[1, 0] * x + view[1, 1] * y + view[1, 2] * z,
        view[2, 0] * x + view[2, 1] * y + view[2, 2] * z,
    )


@jit()
def _within_margin(slope: Number, axis: int, k: Floats, size: int) -> Number:
    """Far outside the picture the linearisation explodes; it is taken at the margin instead."""
    focal, middle = k[axis, axis], k[axis, 2]
    margin = _MARGIN * size / focal
    return min(max(slope, -middle / focal - margin), (size - middle) / focal + margin)


@jit()
def _flatten(
    view: Floats, k: Floats, z: Number, slopes: tuple[Number, Number], quat: Floats, scale: Floats
) -> tuple[Number, Number, Number, Number, Number, Number]:
    """The covariance of pixel and depth xx, xy, yy, xz, yz, zz: sums over the projected axes."""
    w, x, y, z_ = quat[0], quat[1], quat[2], quat[3]
    axes = (
        (_ONE - _TWO * (y * y + z_ * z_), _TWO * (x * y + w * z_), _TWO * (x * z_ - w * y)),
        (_TWO * (x * y - w * z_), _ONE - _TWO * (x * x + z_ * z_), _TWO * (y * z_ + w * x)),
        (_TWO * (x * z_ + w * y), _TWO * (y * z_ - w * x), _ONE - _TWO * (x * x + y * y)),
    )
    xx, xy, yy = np.float32(0), np.float32(0), np.float32(0)
    xz, yz, zz = np.float32(0), np.float32(0), np.float32(0)
    for i in range(3):
        u, v, along = _turn(view, axes[i][0], axes[i][1], axes[i][2])
        u = scale[i] * k[0, 0] / z * (u - slopes[0] * along)
        v = scale[i] * k[1, 1] / z * (v - slopes[1] * along)
        xx, xy, yy = xx + u * u, xy + u * v, yy + v * v
        w = scale[i] * along
        xz, yz, zz = xz + u * w, yz + v * w, zz + w * w
    return xx, xy, yy, xz, yz, zz


@jit()
def _skin(opacity: Number) -> Number:
    """As `rendering.skin`."""
    return _SKIN_SHARE * np.sqrt(_TWO * np.log(max(_ONE, _TWO * opacity)))


@jit()
def _shape(out: Floats, xx: Number, xy: Number, yy: Number, width: int, height: int) -> None:
    """Fill conic and reach, unless the splat is degenerate or outside the picture."""
    determinant = xx * yy - xy * xy
    if not (determinant > 0 and np.isfinite(determinant)):
        return
    reach = min(_REACH, np.sqrt(_TWO * np.log(out[OPACITY] / _MIN_ALPHA)))
    reach_x, reach_y = reach * np.sqrt(xx), reach * np.sqrt(yy)
    x, y = out[X], out[Y]
    if not (-reach_x < x < width + reach_x and -reach_y < y < height + reach_y):
        return
    out[CONIC_XX] = yy / determinant
    out[CONIC_XY] = -xy / determinant
    out[CONIC_YY] = xx / determinant
    out[REACH_X], out[REACH_Y] = reach_x, reach_y
