"""The full-size networks hold exactly the parameters that were published."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from splatsmith.engines.diffsplat import elevest, gsrecon
from splatsmith.engines.diffsplat.denoisers import (
    build_control_net,
    build_pixart,
    build_sd3,
    build_unet,
)
from splatsmith.engines.diffsplat.gsvae import GSVAE, LatentScale
from splatsmith.engines.diffsplat.inferred_configs import (
    elevest_shape,
    embedding_channels,
    gsvae_config,
)
from splatsmith.engines.diffsplat.tensor_files import fill
from splatsmith.errors import WeightsDamaged

DEFAULT = Path(__file__).resolve().parents[4] / "shared" / "parity"
KEYS = Path(os.environ.get("SPLATSMITH_PARITY") or DEFAULT) / "keys"

Sizes = dict[str, tuple[int, ...]]
Config = dict[str, object]


def control_net(config: Config, sizes: Sizes) -> nn.Module:
    unet = build_unet(config["unet"], 4)  # pyright: ignore[reportArgumentType]
    return build_control_net(unet, embedding_channels(sizes)).stock


BUILDERS: dict[str, Callable[[Config, Sizes], nn.Module]] = {
    "sd15_text": lambda config, _: build_unet(config, 4).stock,
    "sd15_image": lambda config, _: build_unet(config, 5).stock,
    "sd15_controlnet": control_net,
    "pixart_text": lambda config, _: build_pixart(config, 4).stock,
    "pixart_image": lambda config, _: build_pixart(config, 5).stock,
    "sd35m_text": lambda config, _: build_sd3(config, 4).stock,
    "sd35m_image": lambda config, _: build_sd3(config, 5).stock,
    "gsvae_sd": lambda _, sizes: GSVAE(gsvae_config(sizes), LatentScale(1.0)),
    "gsvae_sdxl": lambda _, sizes: GSVAE(gsvae_config(sizes), LatentScale(1.0)),
    "gsvae_sd3": lambda _, sizes: GSVAE(gsvae_config(sizes), LatentScale(1.0)),
    "gsrecon": lambda _, sizes: gsrecon.GSRecon(gsrecon.Shape()),
    "elevest": lambda _, sizes: elevest.ElevEst(elevest_shape(sizes)),
}

pytestmark = pytest.mark.skipif(
    not KEYS.is_dir(), reason="no lists of published keys; SPLATSMITH_PARITY names their folder"
)


def read_list(name: str) -> tuple[Config, Sizes]:
    with gzip.open(KEYS / f"diffsplat-{name}.json.gz") as file:
        content = json.load(file)
    return content["config"], {key: tuple(size) for key, size in content["keys"].items()}


def on_meta(sizes: Sizes) -> dict[str, Tensor]:
    return {name: torch.empty(size, device="meta") for name, size in sizes.items()}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_published_list_loads_strictly(name: str) -> None:
    config, sizes = read_list(name)
    with torch.device("meta"):
        network = BUILDERS[name](config, sizes)
    tensors = on_meta(sizes)
    if name == "elevest":
        tensors = elevest.own_names(tensors)
    fill(network, tensors, dropped=("tiny_decoder.",))


def test_every_published_list_has_a_network() -> None:
    published = {path.name[len("diffsplat-") : -8] for path in KEYS.glob("diffsplat-*.json.gz")}
    assert published == set(BUILDERS)


def test_another_variant_is_told_by_its_first_size() -> None:
    config, sizes = read_list("sd15_text")
    with torch.device("meta"):
        network = build_unet({**config, "in_channels": 11}, 5).stock
    with pytest.raises(WeightsDamaged, match=r"conv_in\.weight is 320 x 10 x 3 x 3"):
        fill(network, on_meta(sizes))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda sizes: sizes.pop("conv_out.bias"), r"lacks conv_out\.bias"),
        (lambda sizes: sizes.update({"novel.weight": (3,)}), r"holds novel\.weight"),
    ],
)
def test_a_missing_and_a_surplus_name_are_told(
    change: Callable[[Sizes], object], words: str
) -> None:
    config, sizes = read_list("sd15_text")
    with torch.device("meta"):
        network = build_unet(config, 4).stock
    change(sizes)
    with pytest.raises(WeightsDamaged, match=words):
        fill(network, on_meta(sizes))
