"""Which views of an object or scene the network takes, and which it is compared with.

Viewpoint selection of the paper: the angles between the clean view and each noisy
one, and between each noisy view and each novel one, are limited, both as seen from the world's
origin and between the viewing directions, so that the views overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splatsmith.engines.diffusiongs.object_cameras import AZIMUTHS
from splatsmith.engines.diffusiongs.views import Matrices
from training.synthetic_objects import rotation_about_y

ATTEMPTS = 32  # at a clean view and noisy ones, before the limits count as too narrow


@dataclass(frozen=True)
class AngleLimits:
    """In degrees; 180 is none. `position`: between cameras as seen from the world's origin.
    `direction`: between viewing directions.
    """

    noisy_position: float = 180.0
    noisy_direction: float = 180.0
    novel_position: float = 180.0
    novel_direction: float = 180.0


@dataclass(frozen=True)
class ViewCounts:
    """Views of a sample beside the clean one."""

    noisy: int
    novel: int

    @property
    def inputs(self) -> int:
        """Views that the network takes."""
        return 1 + self.noisy

    @property
    def total(self) -> int:
        return self.inputs + self.novel


def select_views(
    c2w: Matrices, counts: ViewCounts, limits: AngleLimits, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Random indices of a clean view, then noisy ones, then novel ones, within the limits.

    Raises:
        ValueError: no views were found that keep the limits.
    """
    noisy_allowed = within_angles(c2w, limits.noisy_position, limits.noisy_direction)
    novel_allowed = within_angles(c2w, limits.novel_position, limits.novel_direction)
    for _ in range(ATTEMPTS):
        clean = rng.integers(len(c2w))
        candidates = np.flatnonzero(noisy_allowed[clean])
        candidates = candidates[candidates != clean]
        if len(candidates) < counts.noisy:
            continue
        inputs = np.append(clean, rng.choice(candidates, counts.noisy, replace=False))
        novel = np.setdiff1d(np.flatnonzero(novel_allowed[inputs[1:]].all(0)), inputs)
        if len(novel) >= counts.novel:
            return np.append(inputs, rng.choice(novel, counts.novel, replace=False))
    raise ValueError(
        f"No {counts.total} of {len(c2w)} views keep {limits}: widen the limits, or add views."
    )


def select_sides(c2w: Matrices, counts: ViewCounts, rng: np.random.Generator) -> NDArray[np.intp]:
    """A random clean view, the views nearest to its right, back and left, and random novel ones.

    That is how the engine arranges an object's cameras. The world is Y up.
    """
    clean = rng.integers(len(c2w))
    positions = _normalized(c2w[:, :3, 3])
    sides = np.stack([rotation_about_y(np.radians(a)) @ positions[clean] for a in AZIMUTHS[1:]])
    inputs = [int(clean)]
    for side in sides[: counts.noisy]:
        nearness = positions @ side
        nearness[inputs] = -np.inf
        inputs.append(int(nearness.argmax()))
    others = np.setdiff1d(np.arange(len(c2w)), inputs)
    return np.append(inputs, rng.choice(others, counts.novel, replace=False))


def within_angles(c2w: Matrices, position: float, direction: float) -> NDArray[np.bool_]:
    """[V, V]: whether two cameras' positions and viewing directions differ by at most these angles,
    in degrees.
    """
    of_positions = _angles(_normalized(c2w[:, :3, 3]))
    return (of_positions <= position) & (_angles(c2w[:, :3, 2]) <= direction)


def _angles(vectors: Matrices) -> Matrices:
    """[V, V] degrees between unit vectors [V, 3]."""
    return np.degrees(np.arccos(np.clip(vectors @ vectors.T, -1, 1))).round(6)


def _normalized(vectors: Matrices) -> Matrices:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(min=1e-12)
