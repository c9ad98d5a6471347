"""Volume rendering of fields whose rays are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from splatsmith.contract.bounds import Box
from splatsmith.errors import Cancelled
from splatsmith.gaussians.cameras import Cameras, orbit_cameras
from splatsmith.progress import Progress, silent
from splatsmith.representations.field_function import FieldFunction
from splatsmith.representations.field_preview import draw_field
from splatsmith.representations.field_rendering import (
    SampleCounts,
    box_limits,
    camera_rays,
    render_field,
)
from tests.backend.devices import DEVICES

from .subjects import HALF, metaball_function, render_metaballs

COLOR = (0.2, 0.6, 0.9)
EXTINCTION = 1.5


def fog(device: str = "cpu") -> FieldFunction:
    """The same everywhere in the box."""

    def evaluate(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        density = torch.full_like(points[:, 0], EXTINCTION)
        return density, points.new_tensor(COLOR).expand_as(points)

    corner = np.full(3, HALF, np.float32)
    return FieldFunction(evaluate, Box(-corner, corner), 1.0, device)


def cameras(size: int = 24, count: int = 1) -> Cameras:
    return orbit_cameras(360 * np.arange(count) / count, 20, 2.0, 35, size)


@pytest.mark.parametrize("device", DEVICES)
def test_fog_lets_through_what_the_law_of_absorption_says(device: str) -> None:
    marched = render_field(fog(device), cameras(), silent())
    limits = box_limits(camera_rays(cameras(), device), fog().bounds)
    inside = (limits.far - limits.near)[:, 0]
    expected = 1 - torch.exp(-EXTINCTION * inside)
    hit = camera_rays(cameras(), device)
    corner = hit.origins + (limits.near + limits.far) / 2 * hit.directions
    within = (corner.abs() < HALF).all(1) & (inside > 0.3)
    # The first sample lies up to a step of 1/63 behind the box's face.
    assert (marched.alphas - expected)[within].abs().max() < 0.03
    colors = marched.colors[within] / marched.alphas[within, None]
    torch.testing.assert_close(
        colors, colors.new_tensor(COLOR).expand_as(colors), atol=1e-4, rtol=0
    )


def test_rays_that_miss_show_the_background() -> None:
    away = replace(
        cameras(), Ks=cameras().Ks * np.array([[8, 1, 1], [1, 8, 1], [1, 1, 1]], np.float32)
    )
    shifted = replace(away, Ks=away.Ks + np.array([[0, 0, 900], [0, 0, 0], [0, 0, 0]], np.float32))
    marched = render_field(fog(), shifted, silent())
    assert marched.alphas.max() == 0
    assert (marched.over(torch.ones(3)) == 1).all()


def test_a_dense_field_looks_as_its_surface_does() -> None:
    dense = metaball_function()
    sharp = replace(dense, extinction=lambda density: 400 * (density - dense.level).clamp(min=0))
    seen = orbit_cameras([20], 15, 2.0, 40, 48)
    colors, alphas, _ = render_metaballs(seen)
    marched = render_field(sharp, seen, silent())
    image = marched.over(torch.ones(3)).reshape(48, 48, 3).numpy()
    assert -10 * np.log10(((image - colors[0]) ** 2).mean()) > 27
    assert abs(marched.alphas.mean().item() - alphas.mean()) < 0.01


def test_a_seed_decides_the_image_and_chunks_do_not_show() -> None:
    first, again, other = (
        render_field(metaball_function(), cameras(40, 2), silent(), SampleCounts(16, 16), seed)
        for seed in (1, 1, 2)
    )
    assert torch.equal(first.colors, again.colors)
    assert not torch.equal(first.colors, other.colors)
    assert (first.colors - other.colors).abs().mean() < 0.03


def test_only_points_within_the_bounds_are_evaluated() -> None:
    plain = fog()
    reached: list[float] = []

    def evaluate(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if len(points):
            reached.append(points.abs().max().item())
        return plain.evaluate(points)

    render_field(replace(plain, evaluate=evaluate), cameras(), silent())
    assert max(reached) <= np.float32(HALF)


def test_rendering_can_be_cancelled() -> None:
    steps: list[float] = []
    progress = Progress(lambda at, _stage: steps.append(at), lambda: len(steps) > 1)
    with pytest.raises(Cancelled):
        render_field(fog(), cameras(96), progress)


def test_a_progress_picture_shows_the_field_over_grey() -> None:
    picture = draw_field(metaball_function(), 48)
    assert picture.shape == (48, 48, 3)
    assert (picture[0, 0] == 235).all()
    assert (np.abs(picture.astype(int) - 235).max(axis=2) > 20).mean() > 0.1
