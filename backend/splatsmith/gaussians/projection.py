"""Gaussians projected to 2D splats on the CPU (EWA splatting, Zwicker et al. 2001, eq. 22-31)."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from .numba_jit import Floats, Number, jit
from .rendering import CUTOFF_SIGMAS, EDGE_MARGIN, MIN_ALPHA, SURFACE_SHARE

# Columns of a projected Gaussian. CONIC: its inverse 2D covariance. EXTENT: half the size, in
# pixels, of the box outside of which it is fainter than MIN_ALPHA; below 0 if it is not visible.
# DEPTH: z-depth of its centre. SURFACE_DEPTH: z-depth at which the ray through its centre meets its
# surface (`rendering.surface_offset`), and SLOPE its derivative by the pixel's coordinates.
X, Y, CONIC_XX, CONIC_XY, CONIC_YY, OPACITY, DEPTH, EXTENT_X, EXTENT_Y = range(9)
RED, GREEN, BLUE, SURFACE_DEPTH, SLOPE_X, SLOPE_Y = range(9, 15)
COLUMNS = 15

_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)
_MARGIN = np.float32(0.5 * EDGE_MARGIN)
_MIN_ALPHA = np.float32(MIN_ALPHA)
_CUTOFF_SIGMAS = np.float32(CUTOFF_SIGMAS)
_SURFACE_SHARE = np.float32(SURFACE_SHARE)


class CloudArrays(NamedTuple):
    """A cloud's arrays for compiled code; see `GaussianCloud`."""

    means: Floats
    quats: Floats
    scales: Floats
    opacities: Floats


class Camera(NamedTuple):
    """viewmat [4, 4], world to camera; k [3, 3] in pixels; near as in `Cameras`."""

    viewmat: Floats
    k: Floats
    width: int
    height: int
    near: float


@jit(parallel=True)
def project(cloud: CloudArrays, colors: Floats, camera: Camera, eps2d: np.float32) -> Floats:
    """Splats [N, COLUMNS] of N Gaussians with `colors` [N, 3].

    `eps2d` is added to the 2D variances, pixels^2.
    """
    means, opacities = cloud.means, cloud.opacities
    view, k, width, height = camera.viewmat, camera.k, camera.width, camera.height
    splats = np.empty((len(means), COLUMNS), np.float32)
    for i in numba.prange(len(means)):
        out = splats[i]
        out[EXTENT_X] = -1
        x, y, z = _rotate(view, means[i, 0], means[i, 1], means[i, 2])
        x, y, z = x + view[0, 3], y + view[1, 3], z + view[2, 3]
        if not (z >= camera.near and opacities[i] >= _MIN_ALPHA):  # negated, to leave out NaN too
            continue
        out[X] = k[0, 0] * x / z + k[0, 2]
        out[Y] = k[1, 1] * y / z + k[1, 2]
        out[DEPTH] = z
        slopes = _clamp_slope(x / z, 0, k, width), _clamp_slope(y / z, 1, k, height)
        xx, xy, yy, xz, yz, zz = _covariance(view, k, z, slopes, cloud.quats[i], cloud.scales[i])
        out[OPACITY] = opacities[i]
        _fill_conic_and_extent(out, xx + eps2d, xy, yy + eps2d, width, height)
        out[SLOPE_X] = out[CONIC_XX] * xz + out[CONIC_XY] * yz
        out[SLOPE_Y] = out[CONIC_XY] * xz + out[CONIC_YY] * yz
        conditional = max(zz - out[SLOPE_X] * xz - out[SLOPE_Y] * yz, _ZERO)
        out[SURFACE_DEPTH] = z - _surface_offset(opacities[i]) * np.sqrt(conditional)
        out[RED], out[GREEN], out[BLUE] = colors[i, 0], colors[i, 1], colors[i, 2]
    return splats


@jit()
def _rotate(view: Floats, x: Number, y: Number, z: Number) -> tuple[Number, Number, Number]:
    return (
        view[0, 0] * x + view[0, 1] * y + view[0, 2] * z,
        view[1, 0] * x + view[1, 1] * y + view[1, 2] * z,
        view[2, 0] * x + view[2, 1] * y + view[2, 2] * z,
    )


@jit()
def _clamp_slope(slope: Number, axis: int, k: Floats, size: int) -> Number:
    """Far outside the image the linearisation diverges; it is taken at the margin instead."""
    focal, middle = k[axis, axis], k[axis, 2]
    margin = _MARGIN * size / focal
    return min(max(slope, -middle / focal - margin), (size - middle) / focal + margin)


@jit()
def _covariance(
    view: Floats, k: Floats, z: Number, slopes: tuple[Number, Number], quat: Floats, scale: Floats
) -> tuple[Number, Number, Number, Number, Number, Number]:
    """Covariance of pixel coordinates and depth xx, xy, yy, xz, yz, zz: a sum over the axes."""
    w, x, y, z_ = quat[0], quat[1], quat[2], quat[3]
    axes = (
        (_ONE - _TWO * (y * y + z_ * z_), _TWO * (x * y + w * z_), _TWO * (x * z_ - w * y)),
        (_TWO * (x * y - w * z_), _ONE - _TWO * (x * x + z_ * z_), _TWO * (y * z_ + w * x)),
        (_TWO * (x * z_ + w * y), _TWO * (y * z_ - w * x), _ONE - _TWO * (x * x + y * y)),
    )
    xx, xy, yy = np.float32(0), np.float32(0), np.float32(0)
    xz, yz, zz = np.float32(0), np.float32(0), np.float32(0)
    for i in range(3):
        u, v, along = _rotate(view, axes[i][0], axes[i][1], axes[i][2])
        u = scale[i] * k[0, 0] / z * (u - slopes[0] * along)
        v = scale[i] * k[1, 1] / z * (v - slopes[1] * along)
        xx, xy, yy = xx + u * u, xy + u * v, yy + v * v
        w = scale[i] * along
        xz, yz, zz = xz + u * w, yz + v * w, zz + w * w
    return xx, xy, yy, xz, yz, zz


@jit()
def _surface_offset(opacity: Number) -> Number:
    """As `rendering.surface_offset`."""
    return _SURFACE_SHARE * np.sqrt(_TWO * np.log(max(_ONE, _TWO * opacity)))


@jit()
def _fill_conic_and_extent(
    out: Floats, xx: Number, xy: Number, yy: Number, width: int, height: int
) -> None:
    """Leaves the extent below 0 if the splat is degenerate or outside the image."""
    determinant = xx * yy - xy * xy
    if not (determinant > 0 and np.isfinite(determinant)):
        return
    sigmas = min(_CUTOFF_SIGMAS, np.sqrt(_TWO * np.log(out[OPACITY] / _MIN_ALPHA)))
    extent_x, extent_y = sigmas * np.sqrt(xx), sigmas * np.sqrt(yy)
    x, y = out[X], out[Y]
    if not (-extent_x < x < width + extent_x and -extent_y < y < height + extent_y):
        return
    out[CONIC_XX] = yy / determinant
    out[CONIC_XY] = -xy / determinant
    out[CONIC_YY] = xx / determinant
    out[EXTENT_X], out[EXTENT_Y] = extent_x, extent_y
