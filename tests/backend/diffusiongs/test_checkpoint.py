"""Published keys, files of other networks, and precision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.checkpoint import (
    FLOAT32_KEYS,
    denoiser_config,
    load_denoiser,
    own_keys,
    published_keys,
)
from splatsmith.engines.diffusiongs.denoiser import Denoiser, DenoiserConfig
from splatsmith.engines.diffusiongs.published_checkpoints import OBJECT_512, SCENE_256
from splatsmith.errors import WeightsDamaged
from splatsmith.nn.checkpoint_files import Shapes, TensorFiles
from splatsmith.nn.checkpoint_loading import LoadOptions, load_parameters
from splatsmith.weights.tensor_layouts import match_layout, read_key_list

from .tiny_denoisers import TINY, random_denoiser, save_denoiser

CPU = LoadOptions("cpu")
PUBLISHED = {Subject.OBJECT: OBJECT_512, Subject.SCENE: SCENE_256}


def published_shapes(subject: Subject) -> Shapes:
    layout = PUBLISHED[subject].files[0].layout
    assert layout is not None
    return dict(read_key_list(layout.key_lists[0].resource))  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("subject", Subject)
def test_the_published_list_loads_strictly(subject: Subject) -> None:
    shapes = published_shapes(subject)
    config = denoiser_config(shapes)
    assert config == DenoiserConfig(subject)
    with torch.device("meta"):
        denoiser = Denoiser(config)
        tensors = {key: torch.empty(shape) for key, shape in shapes.items()}
    load_parameters(denoiser, own_keys(tensors))
    assert sum(parameter.numel() for parameter in denoiser.parameters()) == 460_391_424
    assert published_keys(own_keys(tensors)).keys() == tensors.keys()


@pytest.mark.parametrize("prefix", ["", "shape_model.", "denoiser."])
@pytest.mark.parametrize("container", ["", "state_dict/", "model/"])
def test_published_files_are_recognised_under_their_prefixes(prefix: str, container: str) -> None:
    layout = OBJECT_512.files[0].layout
    assert layout is not None
    shapes = {f"{container}{prefix}{k}": s for k, s in published_shapes(Subject.OBJECT).items()}
    shapes[f"{container}loss_computer.lpips_loss_module.net.slice1.0.weight"] = (64, 3, 3, 3)
    match = match_layout(shapes, layout)
    assert not match.difference
    assert set(match.stored_names.values()) == set(published_shapes(Subject.OBJECT))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda shapes: shapes.pop("upsampler.linear.weight"), "upsampler.linear.weight"),
        (lambda shapes: shapes.update({"optimizer.state": (3,)}), "optimizer.state"),
    ],
)
def test_nothing_else_may_be_missing_or_more(
    change: Callable[[Shapes], object], message: str
) -> None:
    layout = OBJECT_512.files[0].layout
    assert layout is not None
    shapes = published_shapes(Subject.OBJECT)
    change(shapes)
    assert message in match_layout(shapes, layout).difference


def test_a_scene_s_weights_are_not_an_object_s(tmp_path: Path) -> None:
    layout = OBJECT_512.files[0].layout
    assert layout is not None
    assert (
        "gaussians_pos_embedding"
        in match_layout(published_shapes(Subject.SCENE), layout).difference
    )
    save_denoiser(random_denoiser(TINY[Subject.SCENE]), tmp_path / "scene.safetensors")
    files = TensorFiles((tmp_path / "scene.safetensors",))
    with pytest.raises(WeightsDamaged, match="network for scenes, not for objects"):
        load_denoiser(files, Subject.OBJECT, CPU)


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    config = DenoiserConfig(width=128, layers=3, patch=4, global_gaussians=5)
    saved = random_denoiser(config)
    save_denoiser(saved, tmp_path / "weights.safetensors")
    loaded = load_denoiser(TensorFiles((tmp_path / "weights.safetensors",)), Subject.OBJECT, CPU)
    assert loaded.config == config
    for name, tensor in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_only_the_blocks_are_in_half_precision(tmp_path: Path) -> None:
    save_denoiser(random_denoiser(TINY[Subject.OBJECT]), tmp_path / "weights.safetensors")
    files = TensorFiles((tmp_path / "weights.safetensors",))
    denoiser = load_denoiser(files, Subject.OBJECT, LoadOptions("cpu", torch.bfloat16))
    assert denoiser.dtype is torch.bfloat16
    for name, parameter in denoiser.named_parameters():
        expected = torch.bfloat16 if name.startswith("blocks.") else torch.float32
        assert parameter.dtype is expected, name
    assert not any("transformer.0.attn".startswith(key) for key in FLOAT32_KEYS)


@pytest.mark.parametrize("shapes", [{}, {"conv_in.weight": (320, 4, 3, 3)}])
def test_another_network_is_refused(shapes: Shapes) -> None:
    with pytest.raises(WeightsDamaged, match="another network"):
        denoiser_config(shapes)
