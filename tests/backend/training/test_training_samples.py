"""What training is shown: tinted objects and their texts, worn pictures, circles of views."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from splatsmith.nn.efficientnet import EfficientNetLite
from training.captions import NO_THINGS, tinted_text
from training.circles import PICTURES, as_images
from training.objects import ObjectRecord
from training.parallel import Team
from training.picture_figures import Task
from training.splat_rendering import Pictures, perceptual_loss, silhouette_loss
from training.tints import HUES, NAMES, tint_matrices
from training.views import ViewBank, mean_colours, worn_pictures

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


def bank(forms: int, invented: int) -> ViewBank:
    """Two objects in several forms, and invented ones, with nothing drawn."""
    rows = 2 * forms + invented
    empty = torch.zeros(rows, 1)
    return ViewBank([CHAIR, CHAIR], forms, empty, empty, empty, empty, empty)


def test_texts_are_given_objects_that_face_the_front() -> None:
    torch.manual_seed(0)
    objects = torch.arange(2).repeat(200)
    views = bank(4, 3)
    every, straight = views.copies(objects), views.straight_copies(objects)
    assert (every % 2 == objects).all()
    assert set((every // 2).tolist()) == {0, 1, 2, 3}
    assert set((straight // 2).tolist()) == {0, 2}


def test_invented_objects_have_no_names() -> None:
    torch.manual_seed(0)
    views = bank(2, 5)
    drawn = views.with_invented(torch.zeros(4000, dtype=torch.long), 0.25)
    nameless = views.is_invented(drawn)
    assert 0.2 < nameless.float().mean() < 0.3
    assert set(drawn[nameless].tolist()) == {4, 5, 6, 7, 8}
    assert torch.equal(bank(2, 0).with_invented(drawn, 1.0), drawn)


def test_silhouettes_are_compared_by_what_they_share() -> None:
    half = torch.zeros(1, 1, 8, 8)
    half[..., :4] = 1
    rgba = torch.zeros(1, 1, 4, 8, 8)
    rgba[:, :, 3] = half
    losses = [
        silhouette_loss(Pictures(torch.zeros(1, 1, 3, 8, 8), alpha, alpha), rgba).item()
        for alpha in (half, torch.ones_like(half), 1 - half, half / 2)
    ]
    assert losses == pytest.approx([0, 0.5, 1, 0.5])


def test_pictures_that_look_alike_cost_nothing() -> None:
    torch.manual_seed(0)
    rgba = torch.rand(1, 2, 4, 32, 32)
    rgba[:, :, :3] *= rgba[:, :, 3:]
    white, classifier = torch.ones(1, 1, 3, 1, 1), EfficientNetLite()
    same = Pictures(rgba[:, :, :3], rgba[:, :, 3], rgba[:, :, 3])
    other = Pictures(same.rgb.flip(-1), same.alpha.flip(-1), same.depth)
    assert perceptual_loss(classifier, same, rgba, white).item() == pytest.approx(0, abs=1e-6)
    assert perceptual_loss(classifier, other, rgba, white).item() > 1e-3
