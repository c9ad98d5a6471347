from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud


@pytest.fixture
def scene() -> bpy.types.Scene:
    """An empty scene in a new file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def random_cloud() -> Callable[[int, int], GaussianCloud]:
    """Makes a cloud of (count, degree) whose every value is its own."""

    def make(count: int, degree: int) -> GaussianCloud:
        random = np.random.default_rng(11)
        quats = random.normal(size=(count, 4))
        harmonics = (count, (degree + 1) ** 2 - 1, 3)
        return GaussianCloud(
            means=random.normal(size=(count, 3)).astype(np.float32),
            quats=(quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32),
            scales=random.uniform(0.01, 0.1, (count, 3)).astype(np.float32),
            opacities=random.uniform(0.2, 1, count).astype(np.float32),
            sh0=random.normal(size=(count, 3)).astype(np.float32),
            shN=random.normal(size=harmonics).astype(np.float32),
        )

    return make


@pytest.fixture
def balls() -> Callable[..., GaussianCloud]:
    """Makes a cloud of round splats from rows (x, y, z, radius), opaque and grey."""

    def make(*rows: tuple[float, float, float, float], opacity: float = 1.0) -> GaussianCloud:
        values = np.array(rows, np.float32)
        count = len(values)
        return GaussianCloud(
            means=np.ascontiguousarray(values[:, :3]),
            quats=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
            scales=np.repeat(values[:, 3:], 3, axis=1),
            opacities=np.full(count, opacity, np.float32),
            sh0=np.zeros((count, 3), np.float32),
            shN=np.empty((count, 0, 3), np.float32),
        )

    return make
