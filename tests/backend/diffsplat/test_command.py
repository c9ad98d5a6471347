"""DiffSplat from the command line, with small random networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatsmith.cli import main
from splatsmith.contract.cloud import read_cloud

MAKE = ("generate", "--engine", "diffsplat", "--products", "splats", "--steps", "1")


@pytest.fixture
def depth(tmp_path: Path) -> Path:
    ramp = np.tile(np.linspace(0, 255, 48, dtype=np.uint8), (32, 1))
    path = tmp_path / "depth.png"
    Image.fromarray(ramp).save(path)
    return path


def test_a_depth_map_leads_the_asset(checkpoints: Path, depth: Path, tmp_path: Path) -> None:
    led, free = tmp_path / "led", tmp_path / "free"
    assert main([*MAKE, "--prompt", "a box", "--depth", str(depth), "--out", str(led)]) == 0
    assert main([*MAKE, "--prompt", "a box", "--out", str(free)]) == 0
    ours, theirs = (read_cloud(folder / "splats.ply").means for folder in (led, free))
    assert not np.array_equal(ours, theirs)
    assert (
        json.loads((led / "job.json").read_text("utf-8"))["conditioning_camera"]["distance"] == 1.4
    )


def test_a_map_needs_a_variant_that_takes_it(
    checkpoints: Path, depth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--variant", "pixart-sigma", "--prompt", "a box", "--depth", str(depth))
    assert main([*MAKE, *given]) != 0
    assert "takes no depth" in capsys.readouterr().err


def test_ten_thousand_words_are_cut_and_it_is_said(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "a wooden chair, " * 3_334
    assert main([*MAKE, "--prompt", words, "--out", str(tmp_path / "out")]) == 0
    assert "The prompt was cut after" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--elevation", "95"), "elevation is 95 degrees"),
        (("--scheduler", "euler"), "scheduler is 'euler'"),
        (("--steps", "-1"), "steps is -1"),
        (("--guidance", "nan"), "guidance is nan"),
        (("--precision", "float16", "--device", "cpu"), "float16"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    checkpoints: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    words: str,
) -> None:
    assert main([*MAKE, "--prompt", "a box", "--out", str(tmp_path / "out"), *options]) != 0
    assert words in " ".join(capsys.readouterr().err.split())
