"""What training is shown: tinted objects and their texts, worn pictures, circles of views."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from splatsmith.engines.sprout.model import CHANNELS, TOKENS, SplatDecoder, SproutConfig
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.nn.efficientnet import EfficientNetLite
from training.captions import NO_THINGS, caption_variants, kinds, tinted_text
from training.distributed import Team
from training.image_metrics import Task
from training.objects import ObjectRecord
from training.orbit_views import PICTURES, as_images
from training.splat_rendering import Pictures, perceptual_loss, silhouette_loss
from training.sprout import autoencoder
from training.sprout.encoder import ViewEncoder
from training.sprout.recoloring import NAMED_COLORS, NAMES, tint_matrices
from training.view_dataset import (
    FILL,
    Framed,
    ViewBank,
    frame_pictures,
    mean_colours,
    plain_sample,
    worn_pictures,
)

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
    assert torch.allclose(tinted, torch.tensor([NAMED_COLORS[name]]), atol=0.2)


def test_a_black_object_cannot_become_white() -> None:
    _, possible = tint_matrices(torch.full((1, 3), 0.05), torch.tensor([NAMES.index("white")]))
    assert not possible.any()


def test_only_objects_of_common_nouns_have_tinted_texts() -> None:
    assert tinted_text(CHAIR, Counter({"chair": 9}), "purple") == "a purple chair"
    assert tinted_text(CHAIR, Counter({"chair": 1}), "purple") is None
    assert "chair" not in NO_THINGS


def test_things_are_also_called_by_their_kind() -> None:
    taxi = replace(CHAIR, name="yellow taxi", caption="a yellow taxi")
    texts = caption_variants(taxi, Counter({"taxi": 2}))
    assert texts["a car"] > 0.1
    assert sum(texts.values()) == pytest.approx(1)
    assert kinds("clownfish") == ["fish"]
    assert kinds("fish") == kinds("chair") == []


def test_worn_pictures_stay_pictures() -> None:
    torch.manual_seed(0)
    pictures = torch.ones(16, 4, 128, 128)
    pictures[:, :, 40:90, 40:90] = 0.2
    framed = Framed(pictures, torch.zeros(16, 3))
    worn = worn_pictures(framed)
    assert worn.pictures.shape == pictures.shape
    assert worn.pictures.min() >= -1
    assert worn.pictures.max() <= 1
    changed = (worn.pictures != pictures).flatten(1).any(1)
    assert 0 < changed.sum() < 16
    assert torch.equal((worn.frames != framed.frames).any(1), changed)


def square_view(left: int, top: int, side: int) -> torch.Tensor:
    """[1, 4, 128, 128], premultiplied."""
    view = torch.zeros(1, 4, 128, 128)
    view[:, :, top : top + side, left : left + side] = 1
    return view


def test_frames_say_where_the_cut_out_lay() -> None:
    framed = frame_pictures(square_view(20, 60, 34))
    x, y, log_side = framed.frames[0].tolist()
    assert (64 + 64 * x, 64 + 64 * y) == pytest.approx((20 + 17, 60 + 17))
    assert 128 * math.exp(log_side) == pytest.approx(34 / FILL)


def test_frames_of_worn_pictures_say_it_too() -> None:
    """What is framed again by what the frame says, is what was framed."""
    torch.manual_seed(0)
    view = square_view(20, 60, 34)
    framed = frame_pictures(view.expand(8, -1, -1, -1))
    worn = worn_pictures(framed)
    moved = (worn.frames != framed.frames).any(1)
    for frame, picture in zip(worn.frames[moved], worn.pictures[moved], strict=True):
        x, y, side = frame[0], frame[1], frame[2].exp()
        theta = torch.tensor([[[side, 0, x], [0, side, y]]])
        grid = F.affine_grid(theta, [1, 1, 128, 128], align_corners=False)
        again = F.grid_sample(view[:, 3:], grid, align_corners=False)[0, 0]
        assert (again - (picture[3] / 2 + 0.5)).abs().mean() < 0.02
    assert moved.any()


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


class _Encoder(ViewEncoder):
    """Always answers the same."""

    def __init__(self, made: torch.Tensor) -> None:
        super().__init__(64, 0)
        self.made = made

    def forward(self, *_: torch.Tensor) -> torch.Tensor:
        return self.made


class _Decoder(SplatDecoder):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(SproutConfig(decoder_blocks=0, fine_blocks=0))
        self.latent_mean.fill_(0.3)
        self.latent_std.fill_(2.0)
        self.given: list[torch.Tensor] = []

    def forward(self, latents: torch.Tensor) -> GaussianBatch:
        self.given.append(latents)
        return super().forward(latents)


def test_a_decoder_is_always_given_normalised_latents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it learns beside the encoder or stands still, and when its latents are used."""
    views = torch.zeros(2, 4, 4, 128, 128), torch.zeros(2, 4, 128, 128)
    monkeypatch.setattr(autoencoder, "LATENT_NOISE", 0.0)
    monkeypatch.setattr(autoencoder, "ring_views", lambda *_: views)
    monkeypatch.setattr(autoencoder, "take_views", lambda *_: (*views, views[1]))
    monkeypatch.setattr(autoencoder, "render", lambda *_: None)
    monkeypatch.setattr(autoencoder, "picture_loss", lambda *_: torch.zeros(()))
    made = torch.randn(2, TOKENS, CHANNELS)
    networks, empty = (_Encoder(made), _Decoder()), bank(1, 0)
    sample = plain_sample(*torch.zeros(2, 2, dtype=torch.long))
    autoencoder.reconstruction_loss(empty, sample, *networks)
    used = autoencoder.encode(empty, sample, *networks)
    assert torch.allclose(networks[1].given[0], used)
    assert torch.allclose(used, (made - 0.3) / 2)
