"""Checkpoints that are missing, truncated or of another network are refused with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from splatsmith.contract.cards import Checkpoint, ConditionKind
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.diffsplat import published_checkpoints as published
from splatsmith.engines.diffsplat.card import CARD
from splatsmith.engines.diffsplat.checkpoint import load_denoiser, load_elevest, load_gsvae
from splatsmith.engines.diffsplat.engine import load
from splatsmith.engines.diffsplat.gsvae import LatentScale
from splatsmith.errors import WeightsDamaged, WeightsMissing
from splatsmith.nn.checkpoint_files import TensorFiles, read_config
from splatsmith.nn.checkpoint_loading import LoadOptions
from splatsmith.progress import silent
from splatsmith.settings import DATA_VARIABLE
from tests.backend.diffsplat.conftest import all_checkpoints, install
from tests.backend.diffsplat.tiny_checkpoints import weights_file

CPU = LoadOptions("cpu")


@pytest.fixture
def copies(repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Writable copies of the tiny repositories; nothing is installed yet."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    shutil.copytree(repositories, tmp_path / "repositories")
    return tmp_path / "repositories"


def generate(variant: str) -> None:
    inputs = EngineInputs(
        "a box", variant, {}, CARD.check_parameters(CARD.variant(variant), {"steps": 1})
    )
    load(variant, "cpu").generate(inputs, silent())


def edit_tensors(file: Path, change: dict[str, torch.Tensor | None]) -> None:
    """Replace tensors of a checkpoint; None removes one."""
    tensors = {**load_file(file), **change}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, file)


def test_missing_weights_are_named_with_the_command_to_get_them(copies: Path) -> None:
    with pytest.raises(WeightsMissing, match="splatsmith weights download"):
        generate("sd15")


@pytest.mark.parametrize("absent", [published.SD15_GSVAE, published.SD15_TEXT_ENCODER])
def test_each_required_checkpoint_is_checked(copies: Path, absent: Checkpoint) -> None:
    for checkpoint in all_checkpoints():
        if checkpoint is not absent:
            install(checkpoint, copies)
    with pytest.raises(WeightsMissing, match=absent.id):
        generate("sd15")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv_out.bias": None}, r"lacks conv_out\.bias"),
        ({"conv_out.other": torch.zeros(3)}, r"holds conv_out\.other"),
        ({"conv_in.weight": torch.zeros(8, 11, 3, 3)}, r"conv_in\.weight is 8 x 11 x 3 x 3"),
    ],
)
def test_another_networks_weights_are_refused(
    copies: Path, change: dict[str, torch.Tensor | None], message: str
) -> None:
    edit_tensors(weights_file(copies, published.SD15_TEXT), change)
    install(published.SD15_TEXT, copies)
    with pytest.raises(WeightsDamaged, match=message):
        load_denoiser("unet", published.SD15_TEXT, 4, CPU)


def test_truncated_weights_are_refused(copies: Path) -> None:
    file = weights_file(copies, published.SD15_TEXT)
    file.write_bytes(file.read_bytes()[:1000])
    install(published.SD15_TEXT, copies)
    with pytest.raises(WeightsDamaged, match="cannot be read"):
        load_denoiser("unet", published.SD15_TEXT, 4, CPU)


def test_a_checkpoint_of_another_kind_is_refused(copies: Path) -> None:
    files = TensorFiles((weights_file(copies, published.SD15_CONTROL_NETS[ConditionKind.DEPTH]),))
    with pytest.raises(WeightsDamaged):
        load_gsvae(files, LatentScale(1.0), CPU)
    with pytest.raises(WeightsDamaged):
        load_elevest(files, CPU)


@pytest.mark.parametrize("content", ["", "[1]", '{"in_channels": '])
def test_a_damaged_configuration_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(WeightsDamaged, match="configuration"):
        read_config(file)


def test_a_text_encoder_without_a_tensor_is_refused(copies: Path) -> None:
    folder = copies / published.SD15_TEXT_ENCODER.repository / "text_encoder"
    edit_tensors(folder / "model.fp16.safetensors", {_first_key(folder): None})
    for checkpoint in all_checkpoints():
        install(checkpoint, copies)
    with pytest.raises(WeightsDamaged, match="text encoder"):
        generate("sd15")


@pytest.mark.parametrize("file", ["vocab.json", "merges.txt"])
def test_a_damaged_vocabulary_is_refused(copies: Path, file: str) -> None:
    folder = copies / published.SD15_TEXT_ENCODER.repository / "tokenizer" / file
    folder.write_bytes(b"\x00{")
    for checkpoint in all_checkpoints():
        install(checkpoint, copies)
    with pytest.raises(WeightsDamaged, match="vocabulary"):
        generate("sd15")


def _first_key(folder: Path) -> str:
    return min(load_file(folder / "model.fp16.safetensors"))
