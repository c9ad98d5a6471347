"""The training objective: losses of known values, noise, and a short training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.denoiser import DenoiserConfig
from splatsmith.engines.diffusiongs.gaussian_parameters import GaussianParameters
from splatsmith.engines.diffusiongs.object_cameras import regenerated_views
from splatsmith.engines.diffusiongs.rays import Rays
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.gaussians.view_renderer import ViewRenderer
from training.diffusiongs.networks import SubjectDenoisers
from training.diffusiongs.objective import (
    DiffusionNoise,
    LossWeights,
    TrainingBatch,
    image_losses,
    point_distribution_loss,
    predict,
)
from training.diffusiongs.rendering import render_views

SIZE = 16
VIEWS = regenerated_views(10.0, 3.0, SIZE)
TINY = DenoiserConfig(width=64, layers=2, patch=4)


def ball_parameters(count: int = 1) -> GaussianParameters:
    """`count` equal clouds of one red ball at the origin."""
    return GaussianParameters(
        means=torch.zeros(count, 1, 3),
        sh0=torch.tensor([1.5, -1.5, -1.5]).expand(count, 1, 3),
        log_scales=torch.full((count, 1, 3), -1.3),
        quats=torch.tensor([1.0, 0, 0, 0]).expand(count, 1, 4),
        logits=torch.full((count, 1, 1), 4.0),
    )


def batch_of(images: torch.Tensor, inputs: int = 3) -> TrainingBatch:
    """Of views [V, 3, S, S] from the first V cameras of VIEWS."""
    c2w, fxfycxcy = (
        torch.from_numpy(each[: len(images)]).float()[None] for each in (VIEWS.c2w, VIEWS.fxfycxcy)
    )
    return TrainingBatch(Subject.OBJECT, images[None], c2w, fxfycxcy, inputs)


def rendered_ball() -> torch.Tensor:
    return ViewRenderer(VIEWS.cameras, "cpu")(ball_parameters().activated())


def test_differentiable_renderings_are_the_engine_s() -> None:
    batch = batch_of(rendered_ball())
    ours = render_views(ball_parameters().activated(), batch.c2w, batch.fxfycxcy, SIZE)
    assert torch.allclose(ours, batch.images, atol=1e-3)
    assert ours.min() < 0.5


def test_each_cloud_of_a_batch_is_seen_by_its_own_cameras() -> None:
    ball = ball_parameters(2).activated()
    moved = GaussianBatch(**{**vars(ball), "means": torch.tensor([[[0.0, 0, 0]], [[0.4, 0, 0]]])})
    batch = batch_of(rendered_ball())
    c2w = torch.cat([batch.c2w[:, :2], batch.c2w[:, 2:]])
    images = render_views(moved, c2w, batch.fxfycxcy[:, :2].expand(2, -1, -1), SIZE)
    assert torch.allclose(images[0], batch.images[0, :2], atol=1e-3)
    assert not torch.allclose(images[1], batch.images[0, 2:], atol=0.1)


def test_the_near_plane_hides_what_lies_before_it() -> None:
    batch = batch_of(rendered_ball())
    c2w = batch.c2w.clone()
    c2w[..., :3, 3] *= 0.1 / 3  # cameras 0.1 from the ball's center
    images = render_views(ball_parameters().activated(), c2w, batch.fxfycxcy, SIZE)
    assert torch.equal(images, torch.ones_like(images))


def test_image_losses_are_mean_squared_errors_of_input_and_novel_views() -> None:
    images = rendered_ball()
    exact = image_losses(ball_parameters(), batch_of(images), LossWeights(), None)
    assert [loss.item() for loss in exact.values()] == pytest.approx([0, 0], abs=1e-6)
    images[:3] += 0.1
    images[3] += 0.2
    losses = image_losses(ball_parameters(), batch_of(images), LossWeights(novel=0.5), None)
    assert losses["denoising"].item() == pytest.approx(0.01, rel=0.01)
    assert losses["novel"].item() == pytest.approx(0.5 * 0.04, rel=0.01)


def points_at(distances: list[float]) -> tuple[GaussianParameters, Rays]:
    """Gaussians of a view at these distances from a camera that is 3 from the origin."""
    count = len(distances)
    directions = torch.tensor([0.0, 0, 1]).expand(1, count, 3)
    rays = Rays(torch.tensor([0.0, 0, -3]).expand(1, count, 3), directions)
    means = torch.cat([torch.zeros(1, 2, 3), rays.points(torch.tensor(distances)[:, None])], 1)
    ball = ball_parameters()
    return replace(ball, means=means), rays


def test_point_distribution_loss_is_zero_at_the_target() -> None:
    """Distances of mean 3 and standard deviation 0.5; the two global Gaussians do not count."""
    distances = 3 + 0.5 * np.array([-1, 0, 1.0])
    assert point_distribution_loss(*points_at(distances.tolist()), 1).item() < 1e-9


def test_point_distribution_loss_of_moved_and_narrow_distances() -> None:
    """Mean 2 and deviation 0.25: errors of -1 + (-0.25, 0, 0.25)."""
    loss = point_distribution_loss(*points_at([1.75, 2.0, 2.25]), 1)
    assert loss.item() == pytest.approx(np.mean(np.square([-0.75, -1, -1.25])), rel=1e-5)


def test_point_distribution_loss_takes_each_view_by_itself() -> None:
    distances = [2.5, 3.0, 3.5, 2.75, 3.0, 3.25]
    alone = point_distribution_loss(*points_at(distances[3:]), 1)
    both = point_distribution_loss(*points_at(distances), 2)
    assert both.item() == pytest.approx(alone.item() / 2, rel=1e-5)


def test_noise_is_none_at_the_first_time_and_all_at_the_last() -> None:
    clean = torch.rand(2, 3, 3, SIZE, SIZE)
    noise = torch.randn(2, 3, 3, SIZE, SIZE)
    first, last = DiffusionNoise(torch.tensor([0, 999]), noise).add_to(clean)
    assert (first - clean[0]).std() < 0.01
    assert (last - noise[1]).abs().max() < 0.01


@pytest.mark.parametrize("subject", Subject)
def test_the_loss_of_one_object_falls_over_20_steps(subject: Subject) -> None:
    torch.manual_seed(0)
    batch = replace(batch_of(rendered_ball()), subject=subject)
    network = SubjectDenoisers(TINY, [subject]).of(subject)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(20):
        noise = DiffusionNoise.draw(batch, generator)
        gaussians, _ = predict(network, batch, noise)
        loss = torch.stack([*image_losses(gaussians, batch, LossWeights(), None).values()]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.6 * losses[0]


def test_the_warm_up_brings_points_to_the_object() -> None:
    torch.manual_seed(0)
    batch = batch_of(rendered_ball())
    network = SubjectDenoisers(TINY, [Subject.OBJECT]).of(Subject.OBJECT)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(20):
        gaussians, rays = predict(network, batch, DiffusionNoise.draw(batch, generator))
        loss = point_distribution_loss(gaussians, rays, batch.inputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_subjects_share_the_transformer_and_nothing_else() -> None:
    networks = SubjectDenoisers(TINY, Subject)
    an_object, scene = (networks.of(subject) for subject in Subject)
    assert an_object.blocks is scene.blocks
    assert an_object.pixel_head is not scene.pixel_head
    assert an_object.patch_embed is not scene.patch_embed
    assert scene.global_tokens.dim() == 3
    single = sum(p.numel() for p in SubjectDenoisers(TINY, [Subject.OBJECT]).parameters())
    shared = sum(p.numel() for p in an_object.blocks.parameters())
    assert sum(p.numel() for p in networks.parameters()) < 2 * single - shared
