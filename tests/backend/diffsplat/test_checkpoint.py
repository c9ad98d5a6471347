"""Checkpoints that are absent, cut off or of another network: one clear sentence each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from splatsmith.contract.cards import Checkpoint, ConditionKind
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.diffsplat import catalogue as published
from splatsmith.engines.diffsplat.card import CARD
from splatsmith.engines.diffsplat.engine import load
from splatsmith.engines.diffsplat.gsvae import LatentScale
from splatsmith.engines.diffsplat.loaded_networks import load_denoiser, load_elevest, load_gsvae
from splatsmith.engines.diffsplat.tensor_files import Loading, TensorFiles, read_config
from splatsmith.errors import WeightsDamaged, WeightsMissing
from splatsmith.progress import silent
from splatsmith.settings import DATA_VARIABLE
from tests.backend.diffsplat.conftest import all_checkpoints, install
from tests.backend.diffsplat.tiny_checkpoints import weights_file

PLAIN = Loading("cpu")


@pytest.fixture
def copies(repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny repositories, to be spoiled; nothing counts as here yet."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    shutil.copytree(repositories, tmp_path / "repositories")
    return tmp_path / "repositories"


def generate(variant: str) -> None:
    inputs = EngineInputs("a box", variant, {}, CARD.check_parameters({"steps": 1}))
    load(variant, "cpu").generate(inputs, silent())


def spoil(file: Path, change: dict[str, torch.Tensor | None]) -> None:
    """Replace tensors of a checkpoint; None takes one out."""
    tensors = {**load_file(file), **change}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, file)


def test_what_is_missing_is_named_with_the_way_to_get_it(copies: Path) -> None:
    with pytest.raises(WeightsMissing, match="splatsmith weights download"):
        generate("sd15")


@pytest.mark.parametrize("absent", [published.SD15_GSVAE, published.SD15_WORDS])
def test_each_needed_checkpoint_is_missed(copies: Path, absent: Checkpoint) -> None:
    for checkpoint in all_checkpoints():
        if checkpoint is not absent:
            install(checkpoint, copies)
    with pytest.raises(WeightsMissing, match=absent.id):
        generate("sd15")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conv_out.bias": None}, r"lacks conv_out\.bias"),
        ({"conv_out.other": torch.zeros(3)}, r"holds conv_out\.other"),
        ({"conv_in.weight": torch.zeros(8, 11, 3, 3)}, r"conv_in\.weight is 8 x 11 x 3 x 3"),
    ],
)
def test_another_networks_weights_are_refused(
    copies: Path, change: dict[str, torch.Tensor | None], words: str
) -> None:
    spoil(weights_file(copies, published.SD15_TEXT), change)
    install(published.SD15_TEXT, copies)
    with pytest.raises(WeightsDamaged, match=words):
        load_denoiser("unet", published.SD15_TEXT, 4, PLAIN)


def test_weights_that_are_cut_off_are_refused(copies: Path) -> None:
    file = weights_file(copies, published.SD15_TEXT)
    file.write_bytes(file.read_bytes()[:1000])
    install(published.SD15_TEXT, copies)
    with pytest.raises(WeightsDamaged, match="cannot be read"):
        load_denoiser("unet", published.SD15_TEXT, 4, PLAIN)


def test_a_checkpoint_of_another_kind_is_refused(copies: Path) -> None:
    files = TensorFiles((weights_file(copies, published.SD15_CONTROLS[ConditionKind.DEPTH]),))
    with pytest.raises(WeightsDamaged):
        load_gsvae(files, LatentScale(1.0), PLAIN)
    with pytest.raises(WeightsDamaged):
        load_elevest(files, PLAIN)


@pytest.mark.parametrize("content", ["", "[1]", '{"in_channels": '])
def test_a_damaged_configuration_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(WeightsDamaged, match="configuration"):
        read_config(file)


def test_a_text_encoder_without_a_tensor_is_refused(copies: Path) -> None:
    place = copies / published.SD15_WORDS.repository / "text_encoder"
    spoil(place / "model.fp16.safetensors", {_some_name(place): None})
    for checkpoint in all_checkpoints():
        install(checkpoint, copies)
    with pytest.raises(WeightsDamaged, match="text encoder"):
        generate("sd15")


@pytest.mark.parametrize("file", ["vocab.json", "merges.txt"])
def test_a_damaged_vocabulary_is_refused(copies: Path, file: str) -> None:
    place = copies / published.SD15_WORDS.repository / "tokenizer" / file
    place.write_bytes(b"\x00{")
    for checkpoint in all_checkpoints():
        install(checkpoint, copies)
    with pytest.raises(WeightsDamaged, match="vocabulary"):
        generate("sd15")


def _some_name(place: Path) -> str:
    return min(load_file(place / "model.fp16.safetensors"))
