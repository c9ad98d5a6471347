"""Recorded cases of the published systems; and that a check can fail."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.parity.case import Case, read_case
from tests.parity.check import SYSTEMS, case_files, check_case, main
from tests.parity.comparison import compare, ply_error

FULL_SET_VARIABLE = "SPLATSMITH_PARITY"  # names a folder with more cases than the repository's
SMALL_SET = Path(__file__).with_name("cases")


def recorded_cases() -> list[Path]:
    """Of all systems with an engine: the repository's, and the full set's if it is given."""
    full_set = os.environ.get(FULL_SET_VARIABLE)
    folders = [SMALL_SET, *([Path(full_set)] if full_set else [])]
    return case_files([folder / system for folder in folders for system in SYSTEMS])


@pytest.mark.parametrize("path", recorded_cases(), ids=lambda path: path.name)
def test_a_recorded_case_is_reproduced(path: Path) -> None:
    result = check_case(path)
    assert result.comparison is not None, f"no check for {result.case.name}"
    assert result.comparison.passed, str(result)


def test_the_repository_has_cases_for_every_system_and_every_network() -> None:
    systems = {folder.name for folder in SMALL_SET.iterdir()} - {"keys"}
    assert systems == set(SYSTEMS)
    parts = {read_case(path).part for path in case_files([SMALL_SET / "diffsplat"])}
    assert parts >= {"loop_sd15_controlnet", "loop_pixart", "loop_sd3", "gsvae_decode"}


def camera_case(folder: Path, system: str = "diffsplat", **changes: object) -> Path:
    """A correct case, with `changes`."""
    c2w = torch.eye(4)[None]
    c2w[0, 1, 1] = c2w[0, 2, 2] = -1
    c2w[0, 2, 3] = 2.0
    content: dict[str, object] = {
        "system": system,
        "part": "camera_c2w",
        "variant": "front",
        "config": {},
        "state_dict": {},
        "inputs": {"elevation_deg": 0.0, "azimuths_deg": [0.0], "radius": 2.0},
        "outputs": {"c2w": c2w},
        "tolerance": {"metric": "max_abs_over_max_abs", "value": 1e-4},
        "notes": "",
    }
    path = folder / f"{len(list(folder.iterdir()))}.pt"
    torch.save({**content, **changes}, path)
    return path


def test_a_correct_case_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(camera_case(tmp_path)), "--strict"]) == 0
    assert capsys.readouterr().out.split()[0] == "diffsplat/camera_c2w/front"


@pytest.mark.parametrize(
    "wrong", [torch.zeros(1, 4, 4), torch.eye(4), torch.full((1, 4, 4), torch.nan)]
)
def test_a_different_result_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: torch.Tensor
) -> None:
    assert main([str(camera_case(tmp_path, outputs={"c2w": wrong}))]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_part_without_a_check_fails_only_with_strict(tmp_path: Path) -> None:
    camera_case(tmp_path, part="novelty")
    camera_case(tmp_path, system="elsewhere")
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--strict"]) == 1


def test_a_missing_output_fails(tmp_path: Path) -> None:
    case = read_case(camera_case(tmp_path))
    comparison = compare(case, {})
    assert not comparison.passed
    assert "c2w" in comparison.reason


def fraction_case(share: float) -> Case:
    tolerance = {"metric": "fraction_within", "value": 0.01, "fraction": share}
    return Case("s", "p", "v", {}, {}, {}, {"x": torch.ones(10)}, tolerance)


def test_a_fraction_within_metric_tolerates_outliers() -> None:
    mostly = torch.ones(10)
    mostly[0] = 5
    assert compare(fraction_case(0.9), {"x": mostly}).passed
    assert not compare(fraction_case(0.95), {"x": mostly}).passed


def ply(values: list[float], count: int | None = None) -> torch.Tensor:
    head = f"ply\nelement vertex {count or len(values)}\nproperty float x\nend_header\n"
    return torch.frombuffer(
        bytearray(head.encode() + np.array(values, "<f4").tobytes()), dtype=torch.uint8
    )


def test_ply_files_are_compared_by_header_and_numbers() -> None:
    assert ply_error(ply([1, 2]), ply([1, 2])) == 0
    assert ply_error(ply([1, 2.5]), ply([1, 2])) == pytest.approx(0.25)
    assert ply_error(ply([1, 2]), ply([1, 2, 3])) == np.inf
