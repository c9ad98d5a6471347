"""The user's file: recognised by its tensors, converted or refused; its sizes and traits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from splatsmith.cli import main
from splatsmith.contract.cards import Checkpoint
from splatsmith.engines.zero1tog.checkpoint import DecoderKind, Traits, load_unet, read_traits
from splatsmith.engines.zero1tog.joint_unet import JointConfig, JointUNet
from splatsmith.engines.zero1tog.published_checkpoints import ADDED, CONCATENATED
from splatsmith.errors import WeightsDamaged
from splatsmith.nn.checkpoint_files import TensorFiles
from splatsmith.nn.checkpoint_loading import LoadOptions
from splatsmith.settings import DATA_VARIABLE
from splatsmith.weights import files_of
from splatsmith.weights.tensor_layouts import match_layout, read_key_list
from tests.backend.weights.pickles import pickled

from .tiny_checkpoints import UNET, trained_tensors

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs the command on a file of pickled tensors, without weights of other tests."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))

    def run(tensors: dict[str, Tensor], *names: str) -> tuple[int, str]:
        path = tmp_path / "own.bin"
        path.write_bytes(pickled(tensors))
        code = main(["weights", "import", str(path), *names])
        return code, " ".join("".join(capsys.readouterr()).split())

    return run


def full_size(checkpoint: Checkpoint, *networks: int) -> dict[str, Tensor]:
    """All names and shapes of those key lists, each tensor of a single stored byte."""
    layout = checkpoint.files[0].layout
    assert layout is not None
    one = torch.ones((), dtype=torch.uint8)
    return {
        layout.key_lists[index].prefixes[0] + name: one.expand(*map(int, filter(None, shape)))
        for index in (0, *networks)
        for name, shape in read_key_list(layout.key_lists[index].resource).items()
    }


@pytest.mark.parametrize("decoder", [(), (1,), (2,)], ids=["none", "image", "video"])
def test_a_file_may_have_either_decoder_or_none(decoder: tuple[int, ...]) -> None:
    (file,) = CONCATENATED[0].files
    assert file.layout is not None
    tensors = full_size(CONCATENATED[0], *decoder)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    match = match_layout({**shapes, "vae.encoder.conv_in.weight": (1,)}, file.layout)
    assert match.difference == ""
    assert match.stored_names == {name: name for name in tensors}
    if decoder:
        del shapes["vae.decoder.conv_out.bias"]
        assert "vae.decoder.conv_out.bias" in match_layout(shapes, file.layout).difference


@pytest.mark.slow
def test_a_full_file_is_stored_and_fits_the_network_strictly(run_import: Run) -> None:
    """Five attributes with the video decoder, of a byte a number."""
    five = CONCATENATED[0]
    tensors = full_size(five, 2)

    code, output = run_import({**tensors, "lpips_loss.lin0": torch.ones(1)}, five.id)

    assert (code, output) == (0, f"{five.id}: imported")
    (file,) = files_of(five, five.files[0].path)
    with safe_open(file, "pt") as stored:
        assert set(stored.keys()) == set(tensors)
    files = TensorFiles((file,))
    assert read_traits(files) == Traits(True, DecoderKind.VIDEO, None, None)
    unet = load_unet(files, JointConfig(5), LoadOptions("cpu", dtype=torch.bfloat16))
    assert sum(each.numel() for each in unet.network.parameters()) == 942_968_324


def test_what_tensors_do_not_tell_is_asked(run_import: Run) -> None:
    code, output = run_import(full_size(ADDED[0]), "zero1tog")

    assert code == 2
    assert "may be of zero1tog-added-4 or zero1tog-added-5. Name the one that it is." in output


def test_the_other_embedding_is_recognised(run_import: Run) -> None:
    code, output = run_import(full_size(ADDED[0]), CONCATENATED[0].id)

    assert code == 2
    assert "is of Zero-1-to-G, labels added" in output


def test_the_nearest_variant_is_named_with_what_differs(run_import: Run) -> None:
    tensors = full_size(ADDED[0])
    del tensors["unet.unet.conv_out.bias"]

    code, output = run_import(tensors, "zero1tog")

    assert code == 1
    assert "is of no checkpoint that is known. The nearest is Zero-1-to-G, labels added" in output
    assert "1 is missing (unet.unet.conv_out.bias)" in output


@pytest.mark.parametrize("concatenated", [True, False])
def test_sizes_and_traits_are_those_of_the_tensors(tmp_path: Path, concatenated: bool) -> None:
    joint = JointConfig(4, concatenated=concatenated)
    path = tmp_path / "model.safetensors"
    save_file(trained_tensors(joint, "video"), path, {"attributes": "4", "view_size": "64"})
    files = TensorFiles((path,))

    traits = read_traits(files)
    assert (traits.concatenated, traits.decoder) == (concatenated, DecoderKind.VIDEO)
    assert (traits.attributes, traits.view_size) == (4, 64)
    loaded = load_unet(files, joint, LoadOptions("cpu"))
    expected = JointUNet(UNET, joint).network.state_dict()
    found = loaded.network.state_dict()
    assert {n: t.shape for n, t in found.items()} == {n: t.shape for n, t in expected.items()}


@pytest.mark.parametrize("value", ["many", "0", "900", "20"])
def test_a_nonsensical_size_is_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "model.safetensors"
    save_file(trained_tensors(JointConfig(5)), path, {"view_size": value})
    with pytest.raises(WeightsDamaged, match=re.escape(value)):
        read_traits(TensorFiles((path,)))
