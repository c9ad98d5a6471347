"""Recoloring of objects to named colors."""

from __future__ import annotations

import pytest
import torch

from training.sprout.recoloring import COLOR_NAMES, NAMED_COLORS, recolor_matrices


@pytest.mark.parametrize("name", COLOR_NAMES)
def test_recoloring_maps_the_mean_color_to_the_named_color(name: str) -> None:
    torch.manual_seed(0)
    mean = torch.tensor([[0.5, 0.45, 0.4]])
    matrix, possible = recolor_matrices(mean, torch.tensor([COLOR_NAMES.index(name)]))
    recolored = (matrix @ mean[..., None])[..., 0]
    assert possible.all()
    assert torch.allclose(recolored, torch.tensor([NAMED_COLORS[name]]), atol=0.2)


def test_black_objects_cannot_be_recolored_to_white() -> None:
    _, possible = recolor_matrices(
        torch.full((1, 3), 0.05), torch.tensor([COLOR_NAMES.index("white")])
    )
    assert not possible.any()
