"""Recorded evaluations are the plain ones, on a GPU."""

from __future__ import annotations

import pytest
import torch

from splatsmith.engines.diffsplat.denoisers import build_control_net, build_unet
from splatsmith.engines.diffsplat.sampling import GuidedDenoiser, Told, guidance_weights
from splatsmith.engines.sprout.model import Condition, LatentDenoiser, Shape, SplatDecoder
from splatsmith.engines.sprout.refinement import recorded
from splatsmith.nn.cuda_graphs import GraphedDenoiser
from tests.backend.devices import needs_cuda
from tests.backend.diffsplat.tiny_checkpoints import CLIP_WIDTHS, UNET

VIEWS = 4


def told(seed: int, guidance: float, guess: bool) -> Told:
    chance = torch.Generator().manual_seed(seed)
    weights = guidance_weights(guidance, VIEWS)
    batch = 1 if weights is None else 2
    given = Told(
        torch.randn(batch, 7, CLIP_WIDTHS["text_encoder"], generator=chance),
        torch.randn(VIEWS, 6, 8, 8, generator=chance),
        weights=weights,
        control=torch.rand(VIEWS, 3, 64, 64, generator=chance),
        strength=torch.tensor(0.7 + 0.1 * seed),
        guess=guess,
    )
    return given.map(lambda tensor: tensor.cuda())


def test_what_is_given_is_tensors_and_plain_values() -> None:
    condition = Condition(torch.zeros(2, 17, 384), torch.ones(2, 17, dtype=torch.bool))
    assert set(condition.tensors()) == {"text", "text_mask"}
    assert condition.non_tensors() == (None, None, None, None)
    assert condition.map(lambda tensor: tensor[:1]).text.shape == (1, 17, 384)


@needs_cuda
@torch.inference_mode()
def test_a_recording_answers_as_the_network_does() -> None:
    torch.manual_seed(0)
    unet = build_unet({**UNET, "in_channels": 10}, VIEWS)
    control_net = build_control_net(unet, (8, 8, 16, 16))
    plain = GuidedDenoiser(unet, control_net).cuda().eval()
    recorded = GraphedDenoiser(plain)
    for seed in range(3):
        for guidance, guess in ((3.0, False), (1.0, False), (3.0, True)):
            latents = torch.randn(VIEWS, 4, 8, 8).cuda()
            time = torch.tensor(999 - 100 * seed).cuda()
            given = told(seed, guidance, guess)
            answer = recorded(latents, time, given)
            torch.testing.assert_close(answer, plain(latents, time, given), rtol=1e-3, atol=1e-3)


@needs_cuda
@torch.inference_mode()
def test_sprout_is_recorded_with_text_and_with_a_picture() -> None:
    torch.manual_seed(0)
    plain = LatentDenoiser(Shape(width=128, blocks=2)).cuda().eval()
    torch.nn.init.normal_(plain.leave.weight)
    recorded = GraphedDenoiser(plain)
    text, mask = torch.randn(2, 17, 384), torch.rand(2, 17) < 0.5
    picture = torch.rand(2, 4, 128, 128) * 2 - 1
    for given in (
        Condition(text, mask),
        Condition(text, mask, picture, torch.tensor([10.0, 20.0])),
        Condition(text.flip(0), mask.flip(0)),
    ):
        told_there = given.map(lambda tensor: tensor.cuda())
        latents, time = torch.randn(2, 256, 16).cuda(), torch.rand(2).cuda()
        answer = recorded(latents, time, told_there)
        expected = plain(latents, time, told_there)
        torch.testing.assert_close(answer, expected, rtol=1e-3, atol=1e-3)


@needs_cuda
def test_a_recorded_decoder_has_the_same_gradients(caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(0)
    plain = SplatDecoder(Shape()).cuda().requires_grad_(False)
    fast = recorded(plain, "cuda")
    assert not caplog.records  # it could be recorded
    for _ in range(2):
        one = torch.randn(1, 256, 16).cuda().requires_grad_()
        other = one.detach().clone().requires_grad_()
        weights = torch.randn(1, 16384, 3).cuda()
        for decode, latents in ((plain, one), (fast, other)):
            cloud = decode(latents)
            ((cloud.means + cloud.scales + cloud.colors) * weights).sum().backward()
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-3, atol=1e-3)
