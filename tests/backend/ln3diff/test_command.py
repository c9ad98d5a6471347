"""LN3Diff on the command line, with small random networks: samples, and what is refused."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from splatsmith import memory
from splatsmith.cli import main
from splatsmith.engines.ln3diff import engine
from splatsmith.representations.density_field import DensityField

GENERATE = ("generate", "--engine", "ln3diff", "--variant", "text", "--device", "cpu")
QUICK = ("--steps", "2", "--level", "35", "--products", "splats", "--turntables")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_sample_gets_a_folder_and_a_record_of_its_own(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "DensityField", partial(DensityField, resolution=32))
    options = ("--prompt", "a stone", "--samples", "2", "--out", "stones")
    assert main([*GENERATE, *options, *QUICK]) == 0
    records = [
        json.loads(Path(f"stones/sample-{number}/job.json").read_text("utf-8")) for number in (1, 2)
    ]
    assert [each["request"]["parameters"]["sample"] for each in records] == [1, 2]
    splats = [Path(f"stones/sample-{number}/splats.ply").read_bytes() for number in (1, 2)]
    assert splats[0] != splats[1]


def test_too_little_memory_is_said_before_loading(
    checkpoints: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = memory.psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: free)
    assert main([*GENERATE, "--prompt", "a stone", *QUICK]) != 0
    assert "The networks need about" in " ".join(capsys.readouterr().err.split())
    assert not list(Path().iterdir())


def test_an_empty_prompt_is_refused(checkpoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*GENERATE, "--prompt", " "]) != 0
    assert "There is no prompt." in " ".join(capsys.readouterr().err.split())
