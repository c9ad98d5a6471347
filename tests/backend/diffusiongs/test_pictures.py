"""Pictures of objects and places as the network's clean views."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from splatsmith.contract.problems import InvalidRequest
from splatsmith.engines.diffusiongs.pictures import framed_views, published_views, scene_view
from splatsmith.errors import UnreadablePicture

SIZE = 64


def box(height: int, width: int, canvas: tuple[int, int] = (200, 300)) -> NDArray[np.uint8]:
    """A red box, off the middle of a transparent canvas."""
    picture = np.zeros((*canvas, 4), np.uint8)
    picture[10 : 10 + height, 20 : 20 + width] = (200, 0, 0, 255)
    return picture


def extent(view: NDArray[np.float32]) -> tuple[float, float]:
    """Height and width of what is not white in [3, S, S], in pixels."""
    darkness = 1 - view.min(axis=0)
    return darkness.max(axis=1).sum(), darkness.max(axis=0).sum()


@pytest.mark.parametrize("ratio", [0.5, 0.825])
def test_an_object_is_centred_and_takes_the_ratio_of_the_view(ratio: float) -> None:
    view = framed_views([box(60, 120)], SIZE, ratio)[0].numpy()
    height, width = extent(view)
    assert width == pytest.approx(ratio * SIZE, abs=1.5)
    assert height == pytest.approx(ratio * SIZE / 2, abs=1.5)
    assert np.abs(view - view[:, ::-1, ::-1]).max() < 0.3
    assert view.min() >= 0
    assert view.max() == 1


def test_other_sides_are_as_high_as_the_front() -> None:
    front, right = framed_views([box(100, 150), box(50, 30)], SIZE, 0.8).numpy()
    assert extent(right)[0] == pytest.approx(extent(front)[0], abs=1.5)


def test_a_side_that_would_not_fit_is_smaller() -> None:
    _, right = framed_views([box(100, 50), box(50, 200)], SIZE, 0.8).numpy()
    assert extent(right)[1] == pytest.approx(0.8 * SIZE, abs=1.5)


def test_the_published_preparation_frames_by_the_canvas() -> None:
    view = published_views([box(60, 120)], SIZE, 0.825)[0].numpy()
    # The canvas is 200 high and 300 wide: the width decides, and the square is 300 wide.
    assert extent(view)[1] == pytest.approx(0.825 * SIZE, abs=1.5)


@pytest.mark.parametrize("prepare", [framed_views, published_views])
def test_a_picture_without_an_object_is_refused(prepare: object) -> None:
    with pytest.raises(UnreadablePicture, match="shows nothing"):
        prepare([np.zeros((20, 20, 4), np.uint8)], SIZE, 0.8)  # pyright: ignore[reportCallIssue]


def test_of_a_place_the_middle_square_is_taken() -> None:
    picture = np.full((60, 100, 4), 255, np.uint8)
    picture[:, 20:80, :3] = np.linspace(0, 200, 60).astype(np.uint8)[:, None]
    view = scene_view(picture, 30)
    assert view.shape == (1, 3, 30, 30)
    expected = np.linspace(0, 200, 60).reshape(30, 2).mean(1) / 255
    np.testing.assert_allclose(view[0, 0].numpy(), np.tile(expected, (30, 1)), atol=0.02)


@pytest.mark.parametrize(("size", "word"), [((100, 300), "wide"), ((300, 100), "high")])
def test_a_panorama_is_refused_with_its_aspect(size: tuple[int, int], word: str) -> None:
    with pytest.raises(InvalidRequest, match=f"3.0 times as {word}"):
        scene_view(np.full((*size, 4), 255, np.uint8), SIZE)
