"""Published pickles through `splatsmith weights import`: converted, or refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from splatsmith.cli import main
from splatsmith.contract.cards import Checkpoint
from splatsmith.contract.checkpoints import CheckpointState
from splatsmith.engines.ivid.published_checkpoints import CONDITIONAL, UNCONDITIONAL
from splatsmith.settings import DATA_VARIABLE
from splatsmith.weights import files_of, status_of
from splatsmith.weights.tensor_layouts import read_key_list
from tests.backend.weights.pickles import Calls, pickled, write


def run_import(content: bytes, folder: Path) -> int:
    return main(["weights", "import", str(write(folder / "own.pt", content)), "ivid"])


def published_tensors(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """All published names and shapes, each of a single stored byte."""
    layout = checkpoint.files[0].layout
    assert layout is not None
    one = torch.ones((), dtype=torch.uint8)
    shapes = read_key_list(layout.key_lists[0].resource)
    return {name: one.expand(*map(int, filter(None, s))) for name, s in shapes.items()}


@pytest.fixture(autouse=True)
def data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))


@pytest.mark.parametrize("checkpoint", [UNCONDITIONAL, CONDITIONAL], ids=lambda each: each.id)
def test_either_network_is_recognised_and_converted(tmp_path: Path, checkpoint: Checkpoint) -> None:
    assert run_import(pickled(published_tensors(checkpoint)), tmp_path) == 0
    (file,) = files_of(checkpoint, checkpoint.files[0].path)
    with safe_open(file, "pt") as stored:
        assert set(stored.keys()) == set(published_tensors(checkpoint))


def test_a_pickle_with_code_in_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = published_tensors(CONDITIONAL)
    target = tmp_path / "called"
    calls = Calls(os.system, f"touch '{target}'")
    assert run_import(pickled({**tensors, "extra": calls}), tmp_path) == 2
    assert not target.exists()
    assert "holds code" in " ".join("".join(capsys.readouterr()).split())
    assert status_of(CONDITIONAL).state is CheckpointState.ABSENT
