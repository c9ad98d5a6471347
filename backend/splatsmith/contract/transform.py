"""Transforms of clouds: centres, rotations, scales and harmonics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .cloud import GaussianCloud
from .covariance import factor_covariances, thicken
from .harmonics import rotate_harmonics
from .problems import SplatsmithError

# Assets have Y up and their front towards +Z, in Blender Z up and -Y.
Y_UP_TO_Z_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float64)
_BLOCK = 16_384  # rows at a time, which stay in the processor's cache
_NEGLIGIBLE = 1e-9
_MIN_RELATIVE_STRETCH = 1e-6  # of a linear map: flatter ones leave nothing to transform back
_SIMILAR = 1e-6  # relative difference of stretches that float32 matrices of turns have


class InvalidTransform(SplatsmithError):
    """Raised when a matrix cannot be applied to splats: not affine, not finite, or flattening."""

    code = "invalid-transform"
    title = "The splats cannot be transformed"
    status = 422


def transform_cloud(
    cloud: GaussianCloud,
    rotation: NDArray[np.float64],
    scale: float = 1.0,
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> GaussianCloud:
    """Map every point p of `cloud` to scale * rotation @ p + translation.

    Args:
        rotation: [3, 3], orthonormal with determinant 1.

    Raises:
        ValueError: `rotation` is not a rotation, or `scale` is not above 0.
    """
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-5) or np.linalg.det(rotation) < 0:
        raise ValueError("rotation must be orthonormal with determinant 1")
    if scale <= 0:
        raise ValueError(f"scale is {scale}, not above 0")
    means = rotate_vectors(cloud.means, scale * rotation)
    return GaussianCloud(
        means=means + np.asarray(translation, np.float32),
        quats=multiply_quaternions(quaternion(rotation), cloud.quats),
        scales=cloud.scales * np.float32(scale),
        opacities=cloud.opacities,
        sh0=cloud.sh0,
        shN=rotate_harmonics(cloud.shN, rotation),
    )


def apply_affine(cloud: GaussianCloud, matrix: NDArray[np.float64]) -> GaussianCloud:
    """Map every point of `cloud` by the affine `matrix` [4, 4], which may mirror and shear.

    Each covariance C becomes A C A^T, with A the linear part; colors turn by A's orthogonal factor.

    Raises:
        InvalidTransform: `matrix` is not affine, not finite, or flattens its objects.
    """
    linear = linear_part(matrix)
    quats, scales = transform_shapes(cloud.quats, cloud.scales, linear)
    return GaussianCloud(
        means=transform_points(cloud.means, matrix),
        quats=quats,
        scales=scales,
        opacities=cloud.opacities,
        sh0=cloud.sh0,
        shN=rotate_harmonics(cloud.shN, orthogonal_factor(linear)),
    )


def linear_part(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The linear part [3, 3] of an affine `matrix` [4, 4].

    Raises:
        InvalidTransform: `matrix` is not affine, not finite, or flattens its objects.
    """
    if matrix.shape != (4, 4):
        raise InvalidTransform(
            f"The transform is {matrix.shape}, not 4x4.", "Give a matrix [4, 4]."
        )
    if not np.isfinite(matrix).all():
        raise InvalidTransform(
            "The transform has values that are not numbers.", "Reset the object's transform."
        )
    if not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise InvalidTransform("The transform is a projection.", "Use an affine matrix.")
    linear = np.array(matrix[:3, :3], np.float64)
    stretches = np.linalg.svd(linear, compute_uv=False)
    if stretches[2] <= _MIN_RELATIVE_STRETCH * stretches[0]:
        raise InvalidTransform(
            "The transform flattens the splats: its scale is 0, or nearly so, along one direction.",
            "Give the object, and what it is parented to, a scale other than 0 on every axis.",
        )
    return linear


def orthogonal_factor(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """The orthogonal Q [3, 3] of the polar decomposition `linear` = Q P; it mirrors if that does.

    It is the turn nearest to `linear`: along it colors are carried, which no stretch can change.
    """
    left, _, right = np.linalg.svd(linear)
    return left @ right


def transform_points(
    points: NDArray[np.float32], matrix: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Points [N, 3] mapped by an affine `matrix` [4, 4]."""
    moved = rotate_vectors(points, matrix[:3, :3])
    moved += matrix[:3, 3].astype(np.float32)
    return moved


def transform_shapes(
    quats: NDArray[np.float32], scales: NDArray[np.float32], linear: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`quats` [N, 4] and `scales` [N, 3] of Gaussians mapped by the invertible `linear` [3, 3]."""
    stretches = np.linalg.svd(linear, compute_uv=False)
    if stretches[0] - stretches[2] <= _SIMILAR * stretches[0]:
        # A mirrored ellipsoid is the same as one turned by the mirror's negative.
        turn = orthogonal_factor(linear) * np.sign(np.linalg.det(linear))
        factor = np.float32(stretches.mean())
        return multiply_quaternions(quaternion(turn), quats), scales * factor
    new_quats, new_scales = np.empty_like(quats), np.empty_like(scales)
    for start in range(0, len(quats), _BLOCK):
        rows = slice(start, start + _BLOCK)
        axes = rotation_matrices(quats[rows]) * thicken(scales[rows])[:, None, :]
        rotations, new_scales[rows] = factor_covariances(_multiply_matrices(linear, axes))
        new_quats[rows] = quaternions(rotations)
    return new_quats, new_scales


def rotation_matrices(quats: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrices [N, 3, 3] of unit quaternions wxyz [N, 4]."""
    w, x, y, z = quats.T
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quaternion(rotation: NDArray[np.float64]) -> NDArray[np.float32]:
    """The unit quaternion wxyz [4] of a rotation matrix [3, 3]."""
    return quaternions(rotation[None])[0]


def quaternions(rotations: NDArray[np.floating]) -> NDArray[np.float32]:
    """The unit quaternions wxyz [N, 4] of rotation matrices [N, 3, 3]."""
    r = rotations.transpose(1, 2, 0)
    # Four times the quaternion's outer product with itself; its longest row is the most accurate.
    outer = np.array(
        [
            [
                1 + r[0, 0] + r[1, 1] + r[2, 2],
                r[2, 1] - r[1, 2],
                r[0, 2] - r[2, 0],
                r[1, 0] - r[0, 1],
            ],
            [
                r[2, 1] - r[1, 2],
                1 + r[0, 0] - r[1, 1] - r[2, 2],
                r[0, 1] + r[1, 0],
                r[0, 2] + r[2, 0],
            ],
            [
                r[0, 2] - r[2, 0],
                r[0, 1] + r[1, 0],
                1 - r[0, 0] + r[1, 1] - r[2, 2],
                r[1, 2] + r[2, 1],
            ],
            [
                r[1, 0] - r[0, 1],
                r[0, 2] + r[2, 0],
                r[1, 2] + r[2, 1],
                1 - r[0, 0] - r[1, 1] + r[2, 2],
            ],
        ]
    )
    longest = np.einsum("iin->in", outer).argmax(axis=0)
    rows = outer[longest, :, np.arange(len(rotations))]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def rotate_vectors(
    vectors: NDArray[np.float32],
    rotation: NDArray[np.floating],
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Vectors [N, 3] multiplied by `rotation` [3, 3]: `vectors @ rotation.T`, without BLAS.

    Args:
        out: where the result is written; a new array by default.
    """
    return _multiply_columns(vectors, rotation, out)


def multiply_quaternions(
    left: NDArray[np.float32], right: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Hamilton products of one quaternion [4] with many [N, 4]."""
    w, x, y, z = left
    matrix = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]], np.float32)
    return _multiply_columns(right, matrix)


def _multiply_matrices(
    left: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`left` [3, 3] @ each of `right` [N, 3, 3], without BLAS."""
    rows = right.transpose(1, 2, 0)
    product = [
        sum(factor * row for factor, row in zip(factors, rows, strict=True)) for factors in left
    ]
    return np.stack(product).transpose(2, 0, 1)


def _multiply_columns(
    rows: NDArray[np.float32], matrix: NDArray[np.floating], out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """`rows` [N, K] @ matrix.T, zeros skipped; no BLAS threads that others contend with."""
    out = np.empty((len(rows), len(matrix)), np.float32) if out is None else out
    factors = matrix.astype(np.float32)
    least = _NEGLIGIBLE * np.abs(factors).max()
    terms = [np.flatnonzero(np.abs(row) > least).tolist() for row in factors]
    part = np.empty(min(_BLOCK, len(rows)), np.float32)
    for start in range(0, len(rows), _BLOCK):
        block, products = rows[start : start + _BLOCK], out[start : start + _BLOCK]
        for i, (first, *others) in enumerate(terms):
            np.multiply(block[:, first], factors[i, first], out=products[:, i])
            for k in others:
                products[:, i] += np.multiply(block[:, k], factors[i, k], out=part[: len(block)])
    return out
