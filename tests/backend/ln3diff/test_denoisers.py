"""The denoisers: published keys, batches, guidance, precision."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from splatsmith.engines.ln3diff.checkpoint import denoiser_tensors
from splatsmith.engines.ln3diff.denoiser import (
    Conditioning,
    Denoiser,
    DenoiserConfig,
    ImageDenoiser,
    ImageFeatures,
    TextDenoiser,
    with_zeros,
)
from splatsmith.nn.checkpoint_loading import load_parameters
from splatsmith.weights.tensor_layouts import read_key_list
from tests.backend.devices import DEVICES

from .tiny_networks import random_image_denoiser, random_text_denoiser

GENERATOR = torch.Generator().manual_seed(2)
LATENTS = torch.randn(3, 12, 8, 8, generator=GENERATOR)
FEATURES = ImageFeatures(
    torch.randn(1, 768, generator=GENERATOR),
    torch.randn(1, 9, 1024, generator=GENERATOR),
    torch.randn(1, 9, 1024, generator=GENERATOR),
)
TEXT = torch.randn(1, 7, 768, generator=GENERATOR)
KINDS = ("image", "text")


def prepared(kind: str) -> tuple[Denoiser, Conditioning, Tensor]:
    """A denoiser, [condition, none] and a time."""
    if kind == "image":
        denoiser = random_image_denoiser()
        return denoiser, denoiser.condition(FEATURES.with_unconditional()), torch.tensor(0.3)
    denoiser = random_text_denoiser()
    return denoiser, denoiser.condition(with_zeros(TEXT)), torch.tensor(700)


@pytest.mark.parametrize(("kind", "network"), [("i23d", ImageDenoiser), ("t23d", TextDenoiser)])
def test_the_published_lists_load_strictly(kind: str, network: type[Denoiser]) -> None:
    shapes = read_key_list(f"splatsmith.engines.ln3diff:keys/{kind}_dit.json.gz")
    with torch.device("meta"):
        denoiser = network(DenoiserConfig())
        tensors = {key: torch.empty([n or 0 for n in shape]) for key, shape in shapes.items()}
    load_parameters(denoiser, denoiser_tensors(tensors))


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_samples_of_a_batch_do_not_depend_on_each_other(kind: str) -> None:
    denoiser, inputs, time = prepared(kind)
    inputs = replace(inputs, guidance=torch.tensor(4.0))
    together = denoiser.denoise(LATENTS, time, inputs)
    alone = denoiser.denoise(LATENTS[1:2], time, inputs)
    torch.testing.assert_close(together[1:2], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_guidance_extrapolates_from_no_condition(kind: str) -> None:
    denoiser, both, time = prepared(kind)
    condition, none = (both.map(lambda each, i=i: each[i : i + 1]) for i in range(2))
    conditional, unconditional = (
        denoiser.denoise(LATENTS, time, each) for each in (condition, none)
    )
    assert (conditional - unconditional).abs().max() > 1e-3
    guided = denoiser.denoise(LATENTS, time, replace(both, guidance=torch.tensor(3.0)))
    expected = unconditional + 3 * (conditional - unconditional)
    torch.testing.assert_close(guided, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_blocks_in_half_precision_stay_near_float32(kind: str) -> None:
    denoiser, _, time = prepared(kind)
    outputs: list[Tensor] = []
    for dtype in (torch.float32, torch.bfloat16):
        denoiser.blocks.to(dtype)
        inputs = (
            denoiser.condition(FEATURES)
            if isinstance(denoiser, ImageDenoiser)
            else denoiser.condition(TEXT)  # pyright: ignore[reportCallIssue]
        )
        outputs.append(denoiser.denoise(LATENTS, time, inputs))
    exact, rounded = outputs
    assert rounded.dtype is torch.float32
    assert (rounded - exact).abs().max() < 0.03 * exact.abs().max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("device", DEVICES)
@torch.inference_mode()
def test_devices_agree(kind: str, device: str) -> None:
    denoiser, inputs, time = prepared(kind)
    on_cpu = denoiser.denoise(LATENTS[:2], time, inputs.map(lambda each: each[:1]))
    moved = inputs.map(lambda each: each[:1].to(device))
    on_device = denoiser.to(device).denoise(LATENTS[:2].to(device), time.to(device), moved)
    torch.testing.assert_close(on_device.cpu(), on_cpu, atol=5e-3, rtol=5e-3)
