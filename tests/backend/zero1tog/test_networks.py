"""The U-Net's names and joint attention; the decoders' names; splatter images there and back."""

from __future__ import annotations

import gzip
import json
from importlib import resources

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import TemporalDecoder
from diffusers.models.autoencoders.vae import Decoder
from torch import nn

from splatsmith.engines.zero1tog.decoders import (
    NO_SCALINGS,
    ZERO123PLUS,
    ImageDecoder,
    VideoDecoder,
    decode_latents,
)
from splatsmith.engines.zero1tog.joint_unet import (
    PARTS,
    JointAttention,
    JointConfig,
    JointTransformerBlock,
    JointUNet,
    References,
    attribute_labels,
)
from splatsmith.engines.zero1tog.splatter_images import (
    AttributeMaps,
    ValueRanges,
    decode_mosaics,
    encode_mosaics,
    flatten_views,
    tile_views,
)
from splatsmith.nn.diffusers_config import from_config

PACKAGE = "splatsmith.engines.zero1tog"
SD_WIDTHS = (128, 256, 512, 512)
UNET = {
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [64, 128],
    "layers_per_block": 1,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "cross_attention_dim": 24,
    "attention_head_dim": [1, 2],
    "use_linear_projection": True,
}


def key_list(name: str) -> dict[str, object]:
    content = resources.files(PACKAGE).joinpath(f"keys/{name}.json.gz").read_bytes()
    return json.loads(gzip.decompress(content))


def shapes(network: nn.Module) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("name", ["concatenated", "added"])
def test_the_full_u_net_has_the_published_names_and_shapes(name: str) -> None:
    published = key_list(name)
    with torch.device("meta"):
        unet = JointUNet(
            published["config"]["unet"],  # pyright: ignore[reportIndexIssue]
            JointConfig(5, concatenated=name == "concatenated"),
        )
    assert shapes(unet.network) == published["keys"]


def decoders(widths: tuple[int, ...], layers: int) -> tuple[Decoder, TemporalDecoder]:
    image = {"up_block_types": ("UpDecoderBlock2D",) * len(widths), "in_channels": 4}
    sizes = {"block_out_channels": widths, "layers_per_block": layers}
    return from_config(Decoder, {**image, **sizes}), from_config(
        TemporalDecoder, {"in_channels": 4, **sizes}
    )


def test_the_full_decoders_have_the_published_names_and_shapes() -> None:
    with torch.device("meta"):
        image, video = decoders(SD_WIDTHS, layers=2)
    assert shapes(image) == key_list("image_decoder")["keys"]
    assert shapes(video) == key_list("video_decoder")["keys"]


def random_unet(config: JointConfig) -> JointUNet:
    torch.manual_seed(0)
    unet = JointUNet(UNET, config).eval().requires_grad_(False)
    for parameter in unet.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return unet


def evaluate(unet: JointUNet, latents: torch.Tensor) -> torch.Tensor:
    text = torch.linspace(-1, 1, 24).expand(len(latents), 3, 24)
    labels = attribute_labels(unet.joint.attributes)
    return unet(latents, torch.tensor(400), text, labels, References())


@pytest.mark.parametrize("attention", JointAttention)
def test_attributes_of_an_object_see_each_other(attention: JointAttention) -> None:
    unet = random_unet(JointConfig(4, attention))
    latents = torch.randn(4, 4, 8, 8)
    changed = latents.clone()
    changed[3] += 1
    assert not torch.equal(evaluate(unet, latents)[0], evaluate(unet, changed)[0])


def test_joint_attention_by_parts_is_confined_to_them() -> None:
    unet = random_unet(JointConfig(2, JointAttention.PARTS))
    (block,) = [each for each in unet.modules() if isinstance(each, JointTransformerBlock)][:1]
    tokens = torch.randn(4, 2 * PARTS, 64)  # two objects
    changed = tokens.clone()
    changed[1, 2:4] += 1  # the second part of the first object's second attribute
    difference = block._across_attributes(changed) - block._across_attributes(tokens)
    affected = difference.abs().amax(-1) > 1e-6
    assert affected[:2, 2:4].all()
    affected[:2, 2:4] = False
    assert not affected.any()


def test_a_new_joint_attention_changes_nothing() -> None:
    """Before training, the attributes are denoised as the base model would."""
    torch.manual_seed(0)
    unet = JointUNet(UNET, JointConfig(3)).eval()
    latents = torch.randn(3, 4, 8, 8)
    changed = latents.clone()
    changed[2] += 1
    with torch.inference_mode():
        assert torch.equal(evaluate(unet, latents)[0], evaluate(unet, changed)[0])


def test_the_reference_is_attended_to() -> None:
    unet = random_unet(JointConfig(2))
    text, labels, time = torch.randn(2, 3, 24), attribute_labels(2), torch.tensor(10)
    results = []
    for brightness in (0.0, 1.0):
        references = References()
        unet(torch.full((2, 4, 4, 4), brightness), time, text, labels, references)
        references.is_recording = False
        results.append(unet(torch.ones(2, 4, 8, 8), time, text, labels, references))
        assert not references.tokens
    assert not torch.equal(*results)


def test_both_decoders_give_mosaics_eight_times_as_large() -> None:
    torch.manual_seed(0)
    plain, temporal = decoders((32,) * 4, layers=1)
    image, video = ImageDecoder(plain, nn.Conv2d(4, 4, 1)), VideoDecoder(temporal)
    latents = torch.randn(5, 4, 3, 2)
    for decoder in (image, video):
        mosaics = decode_latents(decoder, latents, NO_SCALINGS)
        assert mosaics.shape == (5, 3, 24, 16)
        assert mosaics.abs().max() <= 1
        changed = latents.clone()
        changed[4] += 1
        alone = torch.equal(mosaics[0], decode_latents(decoder, changed, NO_SCALINGS)[0])
        assert alone is (decoder is image)  # frames of a video belong together


def test_scalings_are_undone() -> None:
    values = torch.linspace(-1, 1, 8)
    for there, back in (
        (ZERO123PLUS.scale_latents, ZERO123PLUS.unscale_latents),
        (ZERO123PLUS.scale_image, ZERO123PLUS.unscale_image),
    ):
        assert torch.allclose(back(there(values)), values)


@pytest.mark.parametrize("opacity", [(-14.0, 9.0), None])
def test_splatter_images_are_decoded_as_they_were_encoded(
    opacity: tuple[float, float] | None,
) -> None:
    torch.manual_seed(0)
    maps = AttributeMaps(
        position=torch.rand(2, 3, 12, 8) - 0.5,
        opacity=torch.rand(2, 1, 12, 8) * 0.98 + 0.01,
        scale=torch.rand(2, 3, 12, 8) * 0.1 + 0.001,
        rotation=nn.functional.normalize(torch.randn(2, 4, 12, 8), dim=1),
        color=torch.rand(2, 3, 12, 8),
    )
    ranges = ValueRanges(opacity=opacity)
    decoded = decode_mosaics(encode_mosaics(maps, ranges), ranges)
    for name, tensor in vars(decoded).items():
        given = getattr(maps, name)
        if name == "rotation":  # q and -q are the same
            assert ((tensor * given).sum(1).abs() > 1 - 1e-5).all()
        else:
            assert torch.allclose(tensor, given, rtol=1e-3, atol=1e-5), name


def test_views_are_tiled_row_by_row() -> None:
    views = torch.arange(6.0)[None, :, None, None, None].expand(1, 6, 1, 2, 2)
    mosaic = tile_views(views)
    assert mosaic[0, 0, ::2, ::2].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert flatten_views(mosaic)[0, :, 0].tolist() == [n for n in range(6) for _ in range(4)]
