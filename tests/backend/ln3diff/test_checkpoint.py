"""Joint files: published names, what may be missing or more, loading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from splatsmith.contract.licences import CommercialUse
from splatsmith.engines.ln3diff.card import CARD
from splatsmith.engines.ln3diff.checkpoint import decoder_config, load_decoder, load_denoiser
from splatsmith.engines.ln3diff.decoder import ConvConfig
from splatsmith.engines.ln3diff.denoiser import ImageDenoiser, TextDenoiser
from splatsmith.engines.ln3diff.published_checkpoints import IMAGE_TO_3D, TEXT_TO_3D
from splatsmith.errors import WeightsDamaged
from splatsmith.nn.checkpoint_files import Shapes, TensorFiles
from splatsmith.nn.checkpoint_loading import LoadOptions
from splatsmith.weights.path_patterns import matches
from splatsmith.weights.tensor_layouts import match_layout, read_key_list

from .tiny_checkpoints import LATENT_SIZE, joint_tensors

CPU = LoadOptions("cpu")
LAYOUTS = {"i23d": IMAGE_TO_3D.files[0].layout, "t23d": TEXT_TO_3D.files[0].layout}


def published_shapes(kind: str) -> Shapes:
    layout = LAYOUTS[kind]
    assert layout is not None
    return {
        key_list.stored_prefix + name: tuple(size or 0 for size in shape)
        for key_list in layout.key_lists
        for name, shape in read_key_list(key_list.resource).items()
    }


def difference(kind: str, shapes: Shapes) -> str:
    layout = LAYOUTS[kind]
    assert layout is not None
    return match_layout(shapes, layout).difference


def saved(kind: str, folder: Path, **changes: torch.Tensor) -> TensorFiles:
    path = folder / f"{kind}.safetensors"
    save_file({**joint_tensors(kind), **changes}, path)
    return TensorFiles((path,))


@pytest.mark.parametrize("kind", ["i23d", "t23d"])
def test_a_published_file_matches_with_its_unused_buffers(kind: str) -> None:
    shapes = published_shapes(kind)
    shapes["ddpm_model.ema_latent_std"] = shapes["ddpm_model.ema_latent_mean"] = (1, 4, 32, 32)
    assert difference(kind, shapes) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda shapes: shapes.pop("ddpm_model.pos_embed"), "is missing (ddpm_model.pos_embed)"),
        (lambda shapes: shapes.pop("rec_model.encoder.conv_in.bias"), "rec_model.encoder.conv_in"),
        (lambda shapes: shapes.update({"rec_model.extra": (3,)}), "is not known (rec_model.extra)"),
        (lambda shapes: shapes.update({"rec_model.decoder.w_avg": (3,)}), "another shape"),
    ],
)
def test_what_is_missing_unknown_or_misshapen_is_named(
    change: Callable[[Shapes], object], message: str
) -> None:
    """The published program skips such tensors without a word."""
    shapes = published_shapes("i23d")
    change(shapes)
    assert message in difference("i23d", shapes)


def test_files_are_told_apart() -> None:
    assert difference("i23d", published_shapes("t23d"))
    assert difference("t23d", published_shapes("i23d"))


@pytest.mark.parametrize("step", ["3910000", "3820000"])
def test_the_training_step_in_the_name_may_be_any(step: str) -> None:
    path = f"checkpoints/objaverse/objaverse-dit/t23d/model_joint_denoise_rec_model{step}"
    assert matches(f"{path}.safetensors", TEXT_TO_3D.files[0].path)


def test_a_joint_file_gives_its_networks(tmp_path: Path) -> None:
    files = saved("i23d", tmp_path)
    denoiser, decoder = load_denoiser(files, ImageDenoiser, CPU), load_decoder(files, CPU)
    assert denoiser.config.latent_size == decoder.config.latent_size == LATENT_SIZE
    assert decoder.config.conv == ConvConfig((32, 64, 64, 128), layers=1)
    assert torch.equal(denoiser.pos_embed, joint_tensors("i23d")["ddpm_model.pos_embed"])


def test_only_blocks_and_convolutions_are_in_half_precision(tmp_path: Path) -> None:
    options = LoadOptions("cpu", torch.bfloat16)
    denoiser = load_denoiser(saved("t23d", tmp_path), TextDenoiser, options)
    for name, parameter in denoiser.named_parameters():
        expected = torch.bfloat16 if name.startswith("blocks.") else torch.float32
        assert parameter.dtype is expected, name
    decoder = load_decoder(saved("t23d", tmp_path), options)
    for name, parameter in decoder.named_parameters():
        expected = torch.float32 if name.startswith("point_mlp.") else torch.bfloat16
        assert parameter.dtype is expected, name


def test_biases_of_the_mlps_are_honoured_where_a_file_has_them(tmp_path: Path) -> None:
    biases = {
        f"ddpm_model.blocks.{block}.mlp.mlp.{layer}.bias": torch.full((size,), 0.5)
        for block in range(2)
        for layer, size in ((1, 256), (3, 64))
    }
    shapes = {key: (4096 if ".1." in key else 1024,) for key in biases}
    assert difference("t23d", {**published_shapes("t23d"), **shapes}) == ""
    denoiser = load_denoiser(saved("t23d", tmp_path, **biases), TextDenoiser, CPU)
    assert denoiser.blocks[1].get_parameter("mlp.fc2.bias").eq(0.5).all()


def test_another_network_s_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsDamaged, match="lacks"):
        load_denoiser(saved("t23d", tmp_path), ImageDenoiser, CPU)
    for shapes in ({}, {"vit_decoder.pos_embed": (1, 768, 1000)}):
        with pytest.raises(WeightsDamaged, match="another network"):
            decoder_config(shapes)


@pytest.mark.parametrize("variant", CARD.variants, ids=lambda variant: variant.id)
def test_the_licence_forbids_commercial_use_and_wants_to_be_accepted(variant: object) -> None:
    (own,) = [each for each in CARD.variants if each is variant]
    licence = own.checkpoints[0].licence
    assert licence.must_accept
    assert licence.commercial_use is CommercialUse.FORBIDDEN
    assert "S-Lab" in licence.name
