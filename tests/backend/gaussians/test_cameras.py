"""Positions, axes and intrinsics of orbit cameras."""

from __future__ import annotations

import numpy as np
import pytest

from splatsmith.gaussians.cameras import orbit_cameras


@pytest.mark.parametrize(
    ("azimuth", "elevation", "position"),
    [
        (0, 0, (0, 0, 2)),
        (90, 0, (2, 0, 0)),
        (180, 0, (0, 0, -2)),
        (0, 90, (0, 2, 0)),
        (0, -90, (0, -2, 0)),
        (0, 30, (0, 1, 3**0.5)),
    ],
)
def test_position_follows_from_azimuth_and_elevation(
    azimuth: float, elevation: float, position: tuple[float, float, float]
) -> None:
    cameras = orbit_cameras([azimuth], elevation, 2.0, 50.0, 64)
    np.testing.assert_allclose(cameras.positions[0], position, atol=1e-6)


@pytest.mark.parametrize("elevation", [-90.0, -20.0, 0.0, 45.0, 90.0])
def test_axes_are_orthonormal_and_right_handed(elevation: float) -> None:
    rotations = orbit_cameras([0, 33, 200], elevation, 2.0, 50.0, 64).viewmats[:, :3, :3]
    np.testing.assert_allclose(
        rotations @ rotations.swapaxes(1, 2), np.tile(np.eye(3), (3, 1, 1)), atol=1e-6
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-6)


def test_the_front_image_has_up_at_the_top_and_right_at_the_right() -> None:
    cameras = orbit_cameras([0.0], 0.0, 2.0, 90.0, 100)
    x, y, z = cameras.viewmats[0, :3, :3] @ (0.5, 0.7, 0) + cameras.viewmats[0, :3, 3]
    column, row, _ = cameras.Ks[0] @ (x / z, y / z, 1)
    assert column == pytest.approx(50 + 50 * 0.25)
    assert row == pytest.approx(50 - 50 * 0.35)


def test_each_camera_may_have_its_own_elevation() -> None:
    cameras = orbit_cameras([0, 0], [0, 90], 1.0, 50.0, 8)
    np.testing.assert_allclose(cameras.positions, ((0, 0, 1), (0, 1, 0)), atol=1e-6)
