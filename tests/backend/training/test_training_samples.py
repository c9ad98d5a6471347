"""What training is shown: tinted objects and their texts, worn pictures, circles of views."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from training.captions import NO_THINGS, tinted_text
from training.circles import PICTURES, as_images
from training.objects import ObjectRecord
from training.parallel import Team
from training.picture_figures import Task
from training.tints import HUES, NAMES, tint_matrices
from training.views import mean_colours, worn_pictures

CHAIR = ObjectRecord(
    "id", "shard", "old chair", "a brown old chair", (), "furniture", "s", "c", "CC0-1.0", "g"
)


@pytest.mark.parametrize("name", NAMES)
def test_a_tinted_object_takes_the_named_colour(name: str) -> None:
    torch.manual_seed(0)
    mean = torch.tensor([[0.5, 0.45, 0.4]])
    matrix, possible = tint_matrices(mean, torch.tensor([NAMES.index(name)]))
    tinted = (matrix @ mean[..., None])[..., 0]
    assert possible.all()
    assert torch.allclose(tinted, torch.tensor([HUES[name]]), atol=0.2)


def test_a_black_object_cannot_become_white() -> None:
    _, possible = tint_matrices(torch.full((1, 3), 0.05), torch.tensor([NAMES.index("white")]))
    assert not possible.any()


def test_only_objects_of_common_nouns_have_tinted_texts() -> None:
    assert tinted_text(CHAIR, Counter({"chair": 9}), "purple") == "a purple chair"
    assert tinted_text(CHAIR, Counter({"chair": 1}), "purple") is None
    assert "chair" not in NO_THINGS


def test_worn_pictures_stay_pictures() -> None:
    torch.manual_seed(0)
    pictures = torch.ones(16, 4, 128, 128)
    pictures[:, :, 40:90, 40:90] = 0.2
    worn = worn_pictures(pictures)
    assert worn.shape == pictures.shape
    assert worn.min() >= -1
    assert worn.max() <= 1
    changed = (worn != pictures).flatten(1).any(1).sum()
    assert 0 < changed < 16


def test_mean_colours_leave_the_background_out() -> None:
    views = torch.zeros(2, 32, 128, 128, 4, dtype=torch.uint8)
    views[:, :, :64] = torch.tensor([100, 50, 0, 200], dtype=torch.uint8)
    assert torch.allclose(mean_colours(views), torch.tensor([0.5, 0.25, 0.0]))


def test_unseen_views_follow_the_picture_around_the_circle() -> None:
    views = torch.zeros(2, PICTURES.count, 128, 128, 4, dtype=torch.uint8)
    views[..., :] = torch.arange(PICTURES.count, dtype=torch.uint8).reshape(1, -1, 1, 1, 1)
    task = Task(views, torch.tensor([0, 5]))
    seen = (task.unseen(slice(0, 2))[:, :, 0, 0, 0] * 255).round().int()
    assert seen[0].tolist() == list(range(1, 12))
    assert seen[1].tolist() == [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4]
    assert as_images(views).shape == (2, 12, 4, 128, 128)


def test_one_process_needs_no_others() -> None:
    team = Team.assemble()
    assert team.leads
    assert team.agree(0.25) == 0.25
