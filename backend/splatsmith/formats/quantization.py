"""How splat formats make numbers small: unsigned fractions, smallest-three rotations, curves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
HALF_ROOT = 0.5**0.5  # what no component but the largest of a unit quaternion exceeds
_MORTON_BITS = 10  # an axis


def to_unorm(values: NDArray[np.floating], bits: int) -> NDArray[np.uint32]:
    """Fractions 0..1 as the nearest of 2^bits - 1 steps."""
    steps = (1 << bits) - 1
    return np.clip(np.rint(np.asarray(values, np.float64) * steps), 0, steps).astype(np.uint32)


def from_unorm(values: NDArray[np.integer], bits: int) -> NDArray[np.float32]:
    """The inverse; bits above the lowest `bits` are ignored."""
    steps = (1 << bits) - 1
    return (values & np.uint32(steps)).astype(np.float32) / np.float32(steps)


def to_bytes(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The nearest bytes, clipped to 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def split_smallest_three(
    quats: NDArray[np.float32],
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The index [N] of each unit quaternion's largest component, and the others [N, 3].

    The sign is chosen so that the largest component is positive: it need not be stored.
    """
    largest = np.abs(quats).argmax(axis=1)
    rows = np.arange(len(quats))
    signs = np.where(quats[rows, largest] < 0, np.float32(-1), np.float32(1))
    return largest, quats[rows[:, None], _OTHERS[largest]] * signs[:, None]


def join_smallest_three(
    largest: NDArray[np.integer], others: NDArray[np.floating]
) -> NDArray[np.float32]:
    """The unit quaternions [N, 4] that `split_smallest_three` gave these parts of."""
    quats = np.empty((len(others), 4), np.float32)
    rows = np.arange(len(others))
    quats[rows[:, None], _OTHERS[largest]] = others
    squares = np.einsum("ij,ij->i", others, others)
    quats[rows, largest] = np.sqrt(np.maximum(0, 1 - squares))
    return quats


def morton_order(means: NDArray[np.float32]) -> NDArray[np.intp]:
    """The order [N] of centres [N, 3] along Morton's curve: neighbours in space come together."""
    low = means.min(axis=0)
    extent = np.maximum(means.max(axis=0) - low, np.finfo(np.float32).tiny)
    cells = ((means - low) / extent * ((1 << _MORTON_BITS) - 1)).astype(np.uint32)
    code = np.zeros(len(means), np.uint32)
    for bit in range(_MORTON_BITS):
        for axis in range(3):
            code |= ((cells[:, axis] >> np.uint32(bit)) & np.uint32(1)) << np.uint32(3 * bit + axis)
    return np.argsort(code, kind="stable")
