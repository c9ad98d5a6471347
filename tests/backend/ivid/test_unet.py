"""The U-Net: published lists, strict loading, precision."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from splatsmith.contract.cards import Checkpoint
from splatsmith.engines.ivid.adm_unet import (
    CONDITIONED_CHANNELS,
    NO_CLASS,
    RGBD,
    AdmUnet2d,
    AdmUnetConfig,
)
from splatsmith.engines.ivid.checkpoint import FIRST_CONV, FLOAT32_KEYS, config_metadata, load_unet
from splatsmith.engines.ivid.published_checkpoints import CONDITIONAL, UNCONDITIONAL
from splatsmith.errors import WeightsDamaged
from splatsmith.nn.checkpoint_files import TensorFiles
from splatsmith.nn.checkpoint_loading import LoadOptions, load_parameters
from splatsmith.weights.tensor_layouts import match_layout, read_key_list

from .tiny_unets import SIZE, random_unet, save_unet


@pytest.mark.parametrize(
    ("checkpoint", "channels", "parameters"),
    [(UNCONDITIONAL, RGBD, 421_527_300), (CONDITIONAL, CONDITIONED_CHANNELS, 421_541_124)],
)
def test_the_published_lists_load_strictly(
    checkpoint: Checkpoint, channels: int, parameters: int
) -> None:
    layout = checkpoint.files[0].layout
    assert layout is not None
    shapes = dict(read_key_list(layout.key_lists[0].resource))
    with torch.device("meta"):
        unet = AdmUnet2d(AdmUnetConfig(in_channels=channels))
        tensors = {key: torch.empty(shape) for key, shape in shapes.items()}  # pyright: ignore
    load_parameters(unet, tensors)
    assert sum(parameter.numel() for parameter in unet.parameters()) == parameters
    assert not match_layout(shapes, layout).difference  # pyright: ignore[reportArgumentType]


def test_either_network_s_weights_are_not_the_other_s() -> None:
    layouts = [checkpoint.files[0].layout for checkpoint in (UNCONDITIONAL, CONDITIONAL)]
    assert layouts[0] is not None
    assert layouts[1] is not None
    shapes = read_key_list(layouts[0].key_lists[0].resource)
    assert FIRST_CONV in match_layout(shapes, layouts[1]).difference  # pyright: ignore


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    saved = random_unet(CONDITIONED_CHANNELS)
    save_unet(saved, tmp_path / "weights.safetensors")
    files = TensorFiles((tmp_path / "weights.safetensors",))
    loaded = load_unet(files, CONDITIONED_CHANNELS, LoadOptions("cpu"))
    assert loaded.config == saved.config
    for name, tensor in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    with pytest.raises(WeightsDamaged, match="takes 10 channels, not 4"):
        load_unet(files, RGBD, LoadOptions("cpu"))


@pytest.mark.parametrize("metadata", [{"adm_unet": "{"}, {"adm_unet": json.dumps({"groups": 1})}])
def test_unreadable_sizes_are_refused(tmp_path: Path, metadata: dict[str, str]) -> None:
    save_file(random_unet().state_dict(), tmp_path / "weights.safetensors", metadata)
    with pytest.raises(WeightsDamaged, match="no sizes"):
        load_unet(TensorFiles((tmp_path / "weights.safetensors",)), RGBD, LoadOptions("cpu"))


def test_half_precision_is_close_and_leaves_times_and_output_alone(tmp_path: Path) -> None:
    save_unet(random_unet(), tmp_path / "weights.safetensors")
    files = TensorFiles((tmp_path / "weights.safetensors",))
    unets = [
        load_unet(files, RGBD, LoadOptions("cpu", dtype, FLOAT32_KEYS))
        for dtype in (torch.float32, torch.bfloat16)
    ]
    for name, parameter in unets[1].named_parameters():
        expected = torch.float32 if name.startswith(FLOAT32_KEYS) else torch.bfloat16
        assert parameter.dtype is expected, name
    generator = torch.Generator().manual_seed(1)
    noisy = torch.randn(2, RGBD, SIZE, SIZE, generator=generator)
    arguments = (noisy, torch.tensor([3, 999]), torch.tensor([5, NO_CLASS]))
    exact, half = (unet(*arguments) for unet in unets)
    assert half.dtype is torch.float32
    assert (exact - half).abs().max() < 0.05 * exact.abs().max()


def test_the_key_lists_are_of_the_published_sizes() -> None:
    folder = Path(__file__).parents[3] / "backend/splatsmith/engines/ivid/keys"
    for name, channels in (("uncond", RGBD), ("cond", CONDITIONED_CHANNELS)):
        content = json.loads(gzip.decompress((folder / f"{name}.json.gz").read_bytes()))
        assert content["config"]["in_channels"] == channels
        assert json.loads(config_metadata(AdmUnetConfig())["adm_unet"])["model_channels"] == 256
