"""The full-size networks have exactly the published parameters."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from splatsmith.engines.diffsplat.checkpoint import (
    control_embedding_channels,
    elevest_config,
    gsvae_config,
    rename_elevest_keys,
)
from splatsmith.engines.diffsplat.denoisers import (
    build_control_net,
    build_pixart,
    build_sd3,
    build_unet,
)
from splatsmith.engines.diffsplat.elevest import ElevEst
from splatsmith.engines.diffsplat.gsvae import GSVAE, LatentScale
from splatsmith.errors import WeightsDamaged
from splatsmith.nn.checkpoint_loading import load_parameters
from tests.parity.reference.gsrecon import GSRecon, GSReconConfig
from tests.parity.select_cases import KEYS

Shapes = dict[str, tuple[int, ...]]
Config = dict[str, object]


def control_net(config: Config, shapes: Shapes) -> nn.Module:
    unet = build_unet(config["unet"], 4)  # pyright: ignore[reportArgumentType]
    return build_control_net(unet, control_embedding_channels(shapes)).network


BUILDERS: dict[str, Callable[[Config, Shapes], nn.Module]] = {
    "sd15_text": lambda config, _: build_unet(config, 4).network,
    "sd15_image": lambda config, _: build_unet(config, 5).network,
    "sd15_controlnet": control_net,
    "pixart_text": lambda config, _: build_pixart(config, 4).network,
    "pixart_image": lambda config, _: build_pixart(config, 5).network,
    "sd35m_text": lambda config, _: build_sd3(config, 4).network,
    "sd35m_image": lambda config, _: build_sd3(config, 5).network,
    "gsvae_sd": lambda _, shapes: GSVAE(gsvae_config(shapes), LatentScale(1.0)),
    "gsvae_sdxl": lambda _, shapes: GSVAE(gsvae_config(shapes), LatentScale(1.0)),
    "gsvae_sd3": lambda _, shapes: GSVAE(gsvae_config(shapes), LatentScale(1.0)),
    "gsrecon": lambda _, shapes: GSRecon(GSReconConfig()),
    "elevest": lambda _, shapes: ElevEst(elevest_config(shapes)),
}


def read_list(name: str) -> tuple[Config, Shapes]:
    with gzip.open(KEYS / f"diffsplat-{name}.json.gz") as file:
        content = json.load(file)
    return content["config"], {key: tuple(shape) for key, shape in content["keys"].items()}


def on_meta(shapes: Shapes) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_published_list_loads_strictly(name: str) -> None:
    config, shapes = read_list(name)
    with torch.device("meta"):
        network = BUILDERS[name](config, shapes)
    tensors = on_meta(shapes)
    if name == "elevest":
        tensors = rename_elevest_keys(tensors)
    load_parameters(network, tensors, unused=("tiny_decoder.",))


def test_every_published_list_has_a_network() -> None:
    published = {path.name[len("diffsplat-") : -8] for path in KEYS.glob("diffsplat-*.json.gz")}
    assert published == set(BUILDERS)


def test_another_variant_is_refused_by_its_first_shape() -> None:
    config, shapes = read_list("sd15_text")
    with torch.device("meta"):
        network = build_unet({**config, "in_channels": 11}, 5).network
    with pytest.raises(WeightsDamaged, match=r"conv_in\.weight is 320 x 10 x 3 x 3"):
        load_parameters(network, on_meta(shapes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda shapes: shapes.pop("conv_out.bias"), r"lacks conv_out\.bias"),
        (lambda shapes: shapes.update({"novel.weight": (3,)}), r"holds novel\.weight"),
    ],
)
def test_missing_and_unexpected_keys_are_named(
    change: Callable[[Shapes], object], message: str
) -> None:
    config, shapes = read_list("sd15_text")
    with torch.device("meta"):
        network = build_unet(config, 4).network
    change(shapes)
    with pytest.raises(WeightsDamaged, match=message):
        load_parameters(network, on_meta(shapes))
