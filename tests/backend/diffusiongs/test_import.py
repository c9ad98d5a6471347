"""Published pickles through `splatsmith weights import`: converted, or refused in a sentence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from splatsmith.cli import main
from splatsmith.contract.cards import Checkpoint
from splatsmith.contract.checkpoints import CheckpointState
from splatsmith.engines.diffusiongs.published_checkpoints import (
    CAMERA_TEMPLATE,
    OBJECT_512,
    SCENE_256,
)
from splatsmith.nn.checkpoint_files import tensor_files
from splatsmith.settings import DATA_VARIABLE
from splatsmith.weights import files_of, status_of
from splatsmith.weights.tensor_layouts import read_key_list
from tests.backend.weights.pickles import Calls, pickled, write

from .tiny_denoisers import template_tensors

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs the command on a file's content, without weights of other tests; code and output."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))

    def run(content: bytes, *names: str) -> tuple[int, str]:
        code = main(["weights", "import", str(write(tmp_path / "own.ckpt", content)), *names])
        return code, " ".join("".join(capsys.readouterr()).split())

    return run


def published_tensors(checkpoint: Checkpoint, prefix: str) -> dict[str, Tensor]:
    """All published names and shapes, each of a single stored byte."""
    layout = checkpoint.files[0].layout
    assert layout is not None
    one = torch.ones((), dtype=torch.uint8)
    shapes = read_key_list(layout.key_lists[0].resource)
    return {prefix + name: one.expand(*map(int, filter(None, s))) for name, s in shapes.items()}


def training_checkpoint(checkpoint: Checkpoint, prefix: str = "shape_model.") -> bytes:
    """As the published training program saves it: among other things, with its loss's network."""
    loss = {"loss_computer.lpips_loss_module.net.slice1.0.weight": torch.zeros(64, 3, 3, 3)}
    return pickled(
        {
            "epoch": 7,
            "state_dict": {**published_tensors(checkpoint, prefix), **loss},
            "optimizer_states": [],
        }
    )


def test_a_training_checkpoint_is_converted_without_its_loss(run_import: Run) -> None:
    code, output = run_import(training_checkpoint(OBJECT_512), "diffusiongs")

    assert (code, output) == (0, "diffusiongs-object-512: imported")
    (file,) = files_of(OBJECT_512, OBJECT_512.files[0].path)
    with safe_open(file, "pt") as stored:
        assert set(stored.keys()) == set(published_tensors(OBJECT_512, ""))


def test_a_scene_s_weights_have_to_be_named(run_import: Run) -> None:
    content = training_checkpoint(SCENE_256)

    code, output = run_import(content, "diffusiongs")

    assert code == 2
    assert "may be of diffusiongs-scene-256 or diffusiongs-scene-512. Name the one" in output


@pytest.mark.parametrize(
    ("checkpoint", "named", "message"),
    [
        (SCENE_256, "diffusiongs-object-512", "scenes at 256 or DiffusionGS, scenes at 512, not"),
        (
            OBJECT_512,
            "diffusiongs-scene-256",
            "own.ckpt is of DiffusionGS, objects at 512, not of DiffusionGS, scenes at 256. "
            "Import it as diffusiongs-object-512.",
        ),
    ],
)
def test_weights_of_the_other_kind_are_recognised(
    run_import: Run, checkpoint: Checkpoint, named: str, message: str
) -> None:
    code, output = run_import(training_checkpoint(checkpoint), named)

    assert code == 2
    assert message in output
    assert status_of(OBJECT_512).state is CheckpointState.ABSENT


def test_a_truncated_pickle_is_refused(run_import: Run) -> None:
    content = training_checkpoint(OBJECT_512)

    code, output = run_import(content[: len(content) // 2], "diffusiongs")

    assert code == 1
    assert "own.ckpt is cut off, or damaged" in output
    assert output.endswith("Copy or fetch it again.")


def test_a_pickle_with_code_is_refused_and_not_run(run_import: Run, tmp_path: Path) -> None:
    marker = tmp_path / "it ran"
    calls = Calls(os.system, f"touch '{marker}'")
    tensors = {**published_tensors(OBJECT_512, "shape_model."), "callbacks": calls}

    code, output = run_import(pickled({"state_dict": tensors}), "diffusiongs")

    assert code == 2
    assert "holds code (posix.system) beside weights. It was not read, and nothing of it" in output
    assert not marker.exists()


def test_a_camera_template_is_imported(run_import: Run) -> None:
    tensors = template_tensors()

    code, output = run_import(pickled(tensors), "diffusiongs")

    assert (code, output) == (0, "diffusiongs-template: imported")
    stored = dict(tensor_files(CAMERA_TEMPLATE).tensors("cpu"))
    assert {name: torch.equal(stored[name], tensor) for name, tensor in tensors.items()} == {
        "gen_c2w": True,
        "gen_fxfycxcys": True,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickled({"gen_c2w": torch.zeros(1, 4, 4, 4)}), "1 is missing (gen_fxfycxcys)"),
        (pickled({**template_tensors(), "gen_c2w": torch.zeros(4, 4)}), "gen_c2w: 4 x 4, not"),
        (pickled([torch.zeros(4, 4)]), "holds list, not a dictionary of tensors"),
    ],
    ids=["half", "one matrix", "a list"],
)
def test_what_is_no_camera_template_is_refused(
    run_import: Run, content: bytes, message: str
) -> None:
    code, output = run_import(content, CAMERA_TEMPLATE.id)

    assert code == 1
    assert message in output
    assert status_of(CAMERA_TEMPLATE).state is CheckpointState.ABSENT
