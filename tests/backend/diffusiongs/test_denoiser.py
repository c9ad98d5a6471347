"""The network's variants of itself: batches, chunks, precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.denoiser import Denoiser, DenoiserConfig, to_patches
from splatsmith.engines.diffusiongs.gaussian_parameters import GaussianParameters, decode_gaussians
from splatsmith.engines.diffusiongs.object_cameras import regenerated_views
from splatsmith.gaussians.view_renderer import ViewRenderer
from tests.backend.devices import DEVICES

from .tiny_denoisers import random_denoiser

SIZE = 32
CONFIG = DenoiserConfig(width=128, layers=4)
TIME = torch.tensor([700, 20])

# The greatest differences from float32 that are allowed.
MAX_POSITION_ERROR = {torch.bfloat16: 0.05, torch.float16: 0.008}
LEAST_PSNR = {torch.bfloat16: 36.0, torch.float16: 50.0}  # dB, of renderings


def inputs(count: int = 1) -> tuple[Tensor, Tensor]:
    """Noisy images [B, 4, 3, S, S] and rays [B, 4, 6, S, S]."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, 4, 3, SIZE, SIZE, generator=generator)
    views = regenerated_views(10.0, 3.0, SIZE)
    return images, views.rays("cpu").features(Subject.OBJECT).expand(count, -1, -1, -1, -1)


def decoded(denoiser: Denoiser, raw: Tensor) -> GaussianParameters:
    rays = regenerated_views(10.0, 3.0, SIZE).rays("cpu").in_patch_order(CONFIG.patch)
    return decode_gaussians(raw[:1], rays, Subject.OBJECT)


@torch.inference_mode()
def test_a_batch_is_evaluated_as_its_samples_are() -> None:
    denoiser = random_denoiser(CONFIG)
    images, rays = inputs(2)
    both = denoiser(images, rays, TIME)
    for index in range(2):
        one = slice(index, index + 1)
        single = denoiser(images[one], rays[one], TIME[one])
        torch.testing.assert_close(both[one], single, atol=2e-4, rtol=1e-3)


@torch.inference_mode()
def test_chunks_change_nothing() -> None:
    denoiser = random_denoiser(CONFIG)
    images, rays = inputs()
    whole = denoiser(images, rays, TIME[:1])
    denoiser.set_chunk(10)
    torch.testing.assert_close(denoiser(images, rays, TIME[:1]), whole, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_the_order_of_the_views_is_free() -> None:
    denoiser = random_denoiser(CONFIG)
    images, rays = inputs()
    order = [2, 0, 3, 1]
    raw = denoiser(images, rays, TIME[:1])[:, CONFIG.global_gaussians :].unflatten(1, (4, -1))
    moved = denoiser(images[:, order], rays[:, order], TIME[:1])[:, CONFIG.global_gaussians :]
    torch.testing.assert_close(moved.unflatten(1, (4, -1)), raw[:, order], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@torch.inference_mode()
def test_half_precision_stays_near_float32(dtype: torch.dtype) -> None:
    denoiser = random_denoiser(CONFIG)
    images, rays = inputs()
    exact = decoded(denoiser, denoiser(images, rays, TIME[:1]))
    denoiser.blocks.to(dtype)
    rounded = decoded(denoiser, denoiser(images, rays, TIME[:1]))
    error = (rounded.means - exact.means).abs().max().item()
    assert error < MAX_POSITION_ERROR[dtype], error
    render = ViewRenderer(regenerated_views(10.0, 3.0, SIZE).cameras, "cpu")
    difference = (render(rounded.activated()) - render(exact.activated())).square().mean()
    assert -10 * difference.log10() > LEAST_PSNR[dtype]


def test_patches_hold_rows_columns_and_channels_in_this_order() -> None:
    pixels = torch.arange(2 * 3 * 4 * 4).reshape(1, 2, 3, 4, 4)
    patches = to_patches(pixels, 2)
    assert patches.shape == (1, 8, 12)
    second = pixels[0, 0, :, 0:2, 2:4]  # first row of patches, second column
    assert torch.equal(patches[0, 1], second.permute(1, 2, 0).flatten())


@pytest.mark.parametrize("device", DEVICES)
@torch.inference_mode()
def test_devices_agree(device: str) -> None:
    denoiser = random_denoiser(CONFIG)
    images, rays = inputs()
    on_cpu = denoiser(images, rays, TIME[:1])
    on_device = denoiser.to(device)(images.to(device), rays.to(device), TIME[:1].to(device))
    torch.testing.assert_close(on_device.cpu(), on_cpu, atol=5e-3, rtol=5e-3)
