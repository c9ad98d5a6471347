"""DiffSplat from the command line, with small random networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatsmith.cli import main
from splatsmith.contract.cloud import read_cloud

GENERATE = ("generate", "--engine", "diffsplat", "--products", "splats", "--steps", "1")


@pytest.fixture
def depth(tmp_path: Path) -> Path:
    ramp = np.tile(np.linspace(0, 255, 48, dtype=np.uint8), (32, 1))
    path = tmp_path / "depth.png"
    Image.fromarray(ramp).save(path)
    return path


def test_a_depth_map_changes_the_asset(checkpoints: Path, depth: Path, tmp_path: Path) -> None:
    with_map, without_map = tmp_path / "with_map", tmp_path / "without_map"
    assert (
        main([*GENERATE, "--prompt", "a box", "--depth", str(depth), "--out", str(with_map)]) == 0
    )
    assert main([*GENERATE, "--prompt", "a box", "--out", str(without_map)]) == 0
    first, second = (read_cloud(folder / "splats.ply").means for folder in (with_map, without_map))
    assert not np.array_equal(first, second)
    assert (
        json.loads((with_map / "job.json").read_text("utf-8"))["conditioning_camera"]["distance"]
        == 1.4
    )


def test_a_map_needs_a_variant_that_takes_it(
    checkpoints: Path, depth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--variant", "pixart-sigma", "--prompt", "a box", "--depth", str(depth))
    assert main([*GENERATE, *options]) != 0
    assert "takes no depth" in capsys.readouterr().err


def test_a_prompt_of_ten_thousand_words_is_cut_with_a_note(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = "a wooden chair, " * 3_334
    assert main([*GENERATE, "--prompt", message, "--out", str(tmp_path / "out")]) == 0
    assert "The prompt was cut after" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--elevation", "95"), "elevation is 95 degrees"),
        (("--scheduler", "euler"), "scheduler is 'euler'"),
        (("--steps", "-1"), "steps is -1"),
        (("--guidance", "nan"), "guidance is nan"),
        (("--precision", "float16", "--device", "cpu"), "float16"),
    ],
)
def test_invalid_parameters_are_refused_with_a_reason(
    checkpoints: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    message: str,
) -> None:
    assert main([*GENERATE, "--prompt", "a box", "--out", str(tmp_path / "out"), *options]) != 0
    assert message in " ".join(capsys.readouterr().err.split())
