"""Recorded evaluations are the plain ones, on a GPU."""

from __future__ import annotations

import pytest
import torch

from splatsmith.engines.diffsplat.graphs import RecordedDenoiser
from splatsmith.engines.diffsplat.networks import build_control_net, build_unet
from splatsmith.engines.diffsplat.sampling import GuidedDenoiser, Told, guidance_weights
from tests.backend.diffsplat.tiny_checkpoints import CLIP_WIDTHS, UNET

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
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


@torch.inference_mode()
def test_a_recording_answers_as_the_network_does() -> None:
    torch.manual_seed(0)
    unet = build_unet({**UNET, "in_channels": 10}, VIEWS)
    control_net = build_control_net(unet, (8, 8, 16, 16))
    plain = GuidedDenoiser(unet, control_net).cuda().eval()
    recorded = RecordedDenoiser(plain)
    for seed in range(3):
        for guidance, guess in ((3.0, False), (1.0, False), (3.0, True)):
            latents = torch.randn(VIEWS, 4, 8, 8).cuda()
            time = torch.tensor(999 - 100 * seed).cuda()
            given = told(seed, guidance, guess)
            answer = recorded(latents, time, given)
            torch.testing.assert_close(answer, plain(latents, time, given), rtol=1e-3, atol=1e-3)
