"""CUDA graphs give the same as eager evaluation, on a GPU."""

from __future__ import annotations

import pytest
import torch

from splatsmith.engines.diffsplat.denoisers import build_control_net, build_unet
from splatsmith.engines.diffsplat.sampling import DenoiserInputs as DiffSplatInputs
from splatsmith.engines.diffsplat.sampling import GuidedDenoiser, guidance_weights
from splatsmith.engines.sprout.model import (
    DenoiserInputs,
    LatentDenoiser,
    SplatDecoder,
    SproutConfig,
)
from splatsmith.engines.sprout.refinement import graphed_decoder
from splatsmith.nn.cuda_graphs import GraphedDenoiser
from tests.backend.devices import needs_cuda
from tests.backend.diffsplat.tiny_checkpoints import CLIP_WIDTHS, UNET

VIEWS = 4


def random_inputs(seed: int, guidance: float, guess: bool) -> DiffSplatInputs:
    generator = torch.Generator().manual_seed(seed)
    weights = guidance_weights(guidance, VIEWS)
    batch = 1 if weights is None else 2
    inputs = DiffSplatInputs(
        torch.randn(batch, 7, CLIP_WIDTHS["text_encoder"], generator=generator),
        torch.randn(VIEWS, 6, 8, 8, generator=generator),
        weights=weights,
        control=torch.rand(VIEWS, 3, 64, 64, generator=generator),
        strength=torch.tensor(0.7 + 0.1 * seed),
        guess=guess,
    )
    return inputs.map(lambda tensor: tensor.cuda())


def test_graph_inputs_separate_tensors_from_other_values() -> None:
    inputs = DenoiserInputs(torch.zeros(2, 17, 384), torch.ones(2, 17, dtype=torch.bool))
    assert set(inputs.tensors()) == {"text", "text_mask"}
    assert inputs.non_tensors() == (None, None, None, None)
    assert inputs.map(lambda tensor: tensor[:1]).text.shape == (1, 17, 384)


@needs_cuda
@torch.inference_mode()
def test_a_graphed_denoiser_gives_the_same_as_the_eager_one() -> None:
    torch.manual_seed(0)
    unet = build_unet({**UNET, "in_channels": 10}, VIEWS)
    control_net = build_control_net(unet, (8, 8, 16, 16))
    eager = GuidedDenoiser(unet, control_net).cuda().eval()
    graphed = GraphedDenoiser(eager)
    for seed in range(3):
        for guidance, guess in ((3.0, False), (1.0, False), (3.0, True)):
            latents = torch.randn(VIEWS, 4, 8, 8).cuda()
            time = torch.tensor(999 - 100 * seed).cuda()
            inputs = random_inputs(seed, guidance, guess)
            output = graphed(latents, time, inputs)
            torch.testing.assert_close(output, eager(latents, time, inputs), rtol=1e-3, atol=1e-3)


@needs_cuda
@torch.inference_mode()
def test_sprout_is_captured_with_text_and_with_a_picture() -> None:
    torch.manual_seed(0)
    eager = LatentDenoiser(SproutConfig(width=128, blocks=2)).cuda().eval()
    torch.nn.init.normal_(eager.output_proj.weight)
    graphed = GraphedDenoiser(eager)
    text, mask = torch.randn(2, 17, 384), torch.rand(2, 17) < 0.5
    picture = torch.rand(2, 4, 128, 128) * 2 - 1
    for inputs in (
        DenoiserInputs(text, mask),
        DenoiserInputs(text, mask, picture, torch.tensor([10.0, 20.0])),
        DenoiserInputs(text.flip(0), mask.flip(0)),
    ):
        on_gpu = inputs.map(lambda tensor: tensor.cuda())
        latents, time = torch.randn(2, 256, 16).cuda(), torch.rand(2).cuda()
        output = graphed(latents, time, on_gpu)
        expected = eager(latents, time, on_gpu)
        torch.testing.assert_close(output, expected, rtol=1e-3, atol=1e-3)


@needs_cuda
def test_a_graphed_decoder_has_the_same_gradients(caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(0)
    eager = SplatDecoder(SproutConfig()).cuda().requires_grad_(False)
    fast = graphed_decoder(eager, "cuda")
    assert not caplog.records  # capture succeeded
    for _ in range(2):
        one = torch.randn(1, 256, 16).cuda().requires_grad_()
        other = one.detach().clone().requires_grad_()
        weights = torch.randn(1, 16384, 3).cuda()
        for decode, latents in ((eager, one), (fast, other)):
            cloud = decode(latents)
            ((cloud.means + cloud.scales + cloud.colors) * weights).sum().backward()
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-3, atol=1e-3)
