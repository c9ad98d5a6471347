from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from blender_addon.viewport.packing import SplatArrays, View


@pytest.fixture
def splats() -> Callable[..., SplatArrays]:
    """Makes (count, degree) random splats around the origin."""

    def make(count: int, degree: int = 0) -> SplatArrays:
        random = np.random.default_rng(count)

        def normal(*shape: int) -> np.ndarray:
            return random.normal(size=shape).astype(np.float32)

        base = normal(count, 4)
        base[:, 3] = random.uniform(0.2, 1, count)
        return SplatArrays(
            positions=random.uniform(-1, 1, (3, count)).astype(np.float32),
            rotations=normal(count, 4),
            scales=random.uniform(0.02, 0.2, (count, 3)).astype(np.float32),
            base=base,
            harmonics=tuple(
                np.float32(0.3) * normal(count, 3) for _ in range((degree + 1) ** 2 - 1)
            ),
        )

    return make


@pytest.fixture
def view() -> View:
    """A perspective camera five units from the origin, aside and above, lens shifted."""
    toward = np.array([0.6, -0.64, 0.48])
    right = np.cross([0, 0, 1], toward) / np.linalg.norm(np.cross([0, 0, 1], toward))
    camera = np.eye(4)
    camera[:3, :3] = np.stack([right, np.cross(toward, right), toward])
    camera[2, 3] = -5
    near, far = 0.1, 100.0
    projection = np.array(
        [
            [3.0, 0, 0.1, 0],
            [0, 4.0, -0.2, 0],
            [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, -1, 0],
        ]
    )
    return View(camera, projection, 96, 72)
