"""The encoder: published keys, views, and what they are made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from splatsmith.engines.ln3diff.checkpoint import encoder_tensors, load_encoder
from splatsmith.engines.ln3diff.encoder import Encoder, EncoderConfig, encoder_views
from splatsmith.nn.checkpoint_files import TensorFiles
from splatsmith.nn.checkpoint_loading import LoadOptions, load_parameters
from splatsmith.weights.tensor_layouts import read_key_list

from .tiny_checkpoints import joint_tensors

SMALL = EncoderConfig(channels=(32, 32, 32, 32), heads=2, head_width=16)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(SMALL).eval().requires_grad_(False)


def test_the_published_list_loads_strictly() -> None:
    keys = read_key_list("splatsmith.engines.ln3diff:keys/encoder.json.gz")
    of_decoder = read_key_list("splatsmith.engines.ln3diff:keys/decoder.json.gz")
    quant = {key: shape for key, shape in of_decoder.items() if ".quant_conv." in key}
    with torch.device("meta"):
        encoder = Encoder(EncoderConfig())
        tensors = {k: torch.empty([n or 0 for n in s]) for k, s in {**keys, **quant}.items()}
    load_parameters(encoder, encoder_tensors(tensors))


def test_a_joint_file_gives_the_encoder(tmp_path: Path) -> None:
    tensors = joint_tensors("i23d")
    save_file(tensors, tmp_path / "joint.safetensors")
    loaded = load_encoder(TensorFiles((tmp_path / "joint.safetensors",)), LoadOptions("cpu"))
    published = tensors["rec_model.encoder.down.2.block.0.nin_shortcut.weight"]
    own = loaded.state_dict()["convolutions.down_blocks.2.resnets.0.conv_shortcut.weight"]
    assert torch.equal(own, published)


@torch.inference_mode()
def test_views_become_a_latent_whatever_their_order_and_batch(encoder: Encoder) -> None:
    views = torch.randn(2, 6, 10, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = encoder(views)
    assert latents.shape == (2, 12, 4, 4)
    order = [3, 0, 5, 1, 4, 2]
    torch.testing.assert_close(encoder(views[:, order]), latents, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(encoder(views[1:]), latents[1:], atol=1e-5, rtol=1e-4)
    changed = views.clone()
    changed[0, 4] = 0
    assert not torch.allclose(encoder(changed)[0], latents[0], atol=1e-3)


def test_views_have_colors_rays_and_depths() -> None:
    c2w = torch.eye(4)[None].repeat(2, 1, 1)
    c2w[:, :3, 3] = torch.tensor([[0.0, 0.0, -2.0], [1.0, 0.0, -2.0]])
    colors, depths = torch.rand(2, 3, 8, 8), torch.rand(2, 8, 8)
    views = encoder_views(colors, depths, c2w, focal=1.4)
    assert views.shape == (2, 10, 8, 8)
    assert torch.equal(views[:, :3], colors)
    assert torch.equal(views[:, 9], depths)
    moment, direction = views[:, 3:6], views[:, 6:9]
    torch.testing.assert_close(direction.norm(dim=1), torch.ones(2, 8, 8))
    torch.testing.assert_close((moment * direction).sum(1), torch.zeros(2, 8, 8))
    middle = direction[:, :, 3:5, 3:5].mean((2, 3))
    torch.testing.assert_close(middle[:, :2], torch.zeros(2, 2), atol=1e-6, rtol=0)
    assert (direction[:, 0, :, -1] > 0).all()
    assert (direction[:, 1, -1] > 0).all()
