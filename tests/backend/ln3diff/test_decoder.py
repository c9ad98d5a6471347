"""The decoder and the triplane that it gives."""

from __future__ import annotations

import pytest
import torch

from splatsmith.engines.ln3diff.checkpoint import decoder_tensors
from splatsmith.engines.ln3diff.decoder import Decoder, DecoderConfig
from splatsmith.engines.ln3diff.triplane import PointMlp, Triplane, sample_planes
from splatsmith.nn.checkpoint_loading import load_parameters
from splatsmith.weights.tensor_layouts import read_key_list
from tests.backend.devices import DEVICES

from .tiny_networks import TINY_DECODER, random_decoder

LATENT = torch.randn(2, 12, 8, 8, generator=torch.Generator().manual_seed(1))


def test_the_published_list_loads_strictly() -> None:
    shapes = read_key_list("splatsmith.engines.ln3diff:keys/decoder.json.gz")
    with torch.device("meta"):
        decoder = Decoder(DecoderConfig())
        tensors = {key: torch.empty([n or 0 for n in shape]) for key, shape in shapes.items()}
    load_parameters(decoder, decoder_tensors(tensors))
    assert decoder.config.plane_size == 128


@torch.inference_mode()
def test_a_batch_is_decoded_as_its_samples_are() -> None:
    decoder = random_decoder()
    both = decoder(LATENT)
    assert both.shape == (2, 3, 32, TINY_DECODER.plane_size, TINY_DECODER.plane_size)
    torch.testing.assert_close(both[1:], decoder(LATENT[1:]), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_half_precision_gives_float32_planes_near_the_exact_ones() -> None:
    decoder = random_decoder()
    exact = decoder(LATENT)
    rounded = decoder.to(torch.bfloat16)(LATENT)
    assert rounded.dtype is torch.float32
    assert (rounded - exact).abs().max() < 0.03 * exact.abs().max()


@pytest.mark.parametrize("device", DEVICES)
@torch.inference_mode()
def test_devices_agree(device: str) -> None:
    decoder = random_decoder()
    on_cpu = decoder(LATENT)
    on_device = decoder.to(device)(LATENT.to(device)).cpu()
    torch.testing.assert_close(on_device, on_cpu, atol=5e-3, rtol=5e-3)


@pytest.mark.parametrize(
    ("plane", "point"),
    [(0, (0.3, -0.2, 0.0)), (1, (0.0, 0.3, -0.2)), (2, (-0.2, 0.0, 0.3))],
    ids=["XY", "YZ", "ZX"],
)
def test_each_plane_has_its_axes_along_width_and_height(
    plane: int, point: tuple[float, float, float]
) -> None:
    """Of a plane that is bright in one pixel, the points there are."""
    size = 9
    column, row = (int((value / 0.45 + 1) / 2 * size) for value in (0.3, -0.2))
    planes = torch.zeros(1, 3, 1, size, size)
    planes[0, plane, 0, row, column] = 3.0
    there = sample_planes(planes, torch.tensor([[point]]))
    elsewhere = sample_planes(planes, -torch.tensor([[point]]))
    assert there.item() > 0.3
    assert elsewhere.item() == 0


def test_outside_of_the_box_features_are_zero() -> None:
    far = torch.tensor([[[0.6, 0.6, 0.6]]])
    assert sample_planes(torch.ones(1, 3, 4, 8, 8), far).abs().max() == 0


@torch.inference_mode()
def test_densities_are_raw_and_colors_about_0_to_1() -> None:
    torch.manual_seed(0)
    triplane = Triplane(20 * torch.randn(3, 32, 16, 16), PointMlp())
    density, color = triplane.evaluate(torch.rand(500, 3) - 0.5)
    assert density.shape == (500,)
    assert density.min() < 0 < density.max()
    assert color.shape == (500, 3)
    assert -0.001 <= color.min() < color.max() <= 1.001
