"""Sheets of views: depths, colors, cameras, and objects that are varied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.problems import InvalidRequest
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.ln3diff.card import CARD
from splatsmith.engines.ln3diff.engine import LN3Diff, load
from splatsmith.engines.ln3diff.view_sheet import front_view, read_views, view_cameras
from splatsmith.progress import silent
from splatsmith.representations.density_field import DensityField

from .view_sheets import RADIUS, ball_depth, ball_sheet

SIDE = 64  # of small networks' views
POINTS = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) - 0.5


def test_depths_and_rays_meet_the_surface() -> None:
    views = read_views(ball_sheet(SIDE), SIDE)
    depth = torch.from_numpy(ball_depth(SIDE)).float()
    torch.testing.assert_close(views[:, 9], depth.expand(6, -1, -1), atol=2e-7, rtol=1e-6)
    origins = view_cameras()[:, :3, 3, None, None]
    hits = (origins + views[:, 9:] * views[:, 6:9]).norm(dim=1)[views[:, 9] > 0]
    torch.testing.assert_close(hits, torch.full_like(hits, RADIUS), atol=1e-5, rtol=0)


def test_colors_are_on_white() -> None:
    views = read_views(ball_sheet(SIDE), SIDE)
    assert views[0, :3, SIDE // 2, SIDE // 2].tolist() == [1, -1, -1]
    assert views[0, :3, 0, 0].tolist() == [1, 1, 1]


def test_the_first_camera_sees_the_front_and_all_are_on_the_orbit() -> None:
    cameras = view_cameras()
    torch.testing.assert_close(
        cameras[0, :3, 3], torch.tensor([0, -1.7216, 0.4197]), atol=1e-3, rtol=0
    )
    assert cameras[1, 0, 3] > 0
    assert (cameras[:, 2, 1] < 0).all()  # down in the picture
    axes = cameras[:, :3, :3]
    torch.testing.assert_close(axes.mT @ axes, torch.eye(3).expand(6, -1, -1))
    torch.testing.assert_close(torch.linalg.det(axes), torch.ones(6))


@pytest.mark.parametrize("shape", [(128, 128, 4), (127, 384, 4), (128, 383, 4)])
def test_a_picture_of_other_proportions_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequest, match="not six views"):
        front_view(np.full(shape, 255, np.uint8))


def test_a_sheet_of_another_size_or_without_depths_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="96 x 32 pixels instead of 384 x 128"):
        read_views(ball_sheet(16), SIDE)
    empty = ball_sheet(SIDE)
    empty[SIDE:, :, :3] = 0
    with pytest.raises(InvalidRequest, match="all 0"):
        front_view(empty)


def varied(engine: LN3Diff, variant: str, sheet: NDArray[np.uint8], **given: object) -> Tensor:
    """Densities at POINTS."""
    parameters: dict[str, object] = {"steps": 4, **given}
    if variant == "image":
        parameters["solver"] = "euler"
    complete = CARD.check_parameters(CARD.variant(variant), parameters)
    prompt = "a stone" if variant == "text" else ""
    inputs = EngineInputs(prompt, variant, {ConditionKind.VIEWS: sheet}, complete)
    field = engine.generate(inputs, silent()).representation
    assert isinstance(field, DensityField)
    with torch.inference_mode():
        return field.function.evaluate(POINTS)[0]


@pytest.mark.parametrize("variant", ["image", "text"])
def test_the_strength_says_how_far_variations_are_from_the_object(
    checkpoints: Path, variant: str
) -> None:
    engine = load(variant, "cpu")
    sheet = ball_sheet(SIDE)
    same = varied(engine, variant, sheet, strength=0.0, seed=1)
    assert torch.equal(varied(engine, variant, sheet, strength=0.0, seed=2), same)
    near, far = (varied(engine, variant, sheet, strength=s, seed=1) for s in (0.05, 0.9))
    assert 0 < (near - same).norm() < (far - same).norm()
    assert not torch.equal(varied(engine, variant, sheet, strength=0.05, seed=2), near)
    other = sheet.copy()
    other[:SIDE, :, 1] = 200
    assert not torch.equal(varied(engine, variant, other, strength=0.0), same)
