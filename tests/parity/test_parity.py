"""Recorded cases of other implementations, where they are at hand; and that a check can fail."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.parity.case import Case, read_case
from tests.parity.check import check_case, main
from tests.parity.comparison import judge, ply_error

FOLDER_VARIABLE = "SPLATSMITH_PARITY"
DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "parity"
CASES = Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT)
DIFFSPLAT = sorted((CASES / "diffsplat").glob("*.pt"))


@pytest.mark.skipif(not DIFFSPLAT, reason=f"no recorded cases; {FOLDER_VARIABLE} names a folder")
@pytest.mark.parametrize("path", DIFFSPLAT, ids=lambda path: path.stem)
def test_a_recorded_case_is_recomputed(path: Path) -> None:
    result = check_case(path)
    assert result.verdict is not None, f"no check for {result.case.name}"
    assert result.verdict.passed, str(result)


def camera_case(folder: Path, system: str = "diffsplat", **changes: object) -> Path:
    """A case that is right, unless it is changed."""
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


def test_a_right_case_is_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(camera_case(tmp_path)), "--strict"]) == 0
    assert capsys.readouterr().out.split()[0] == "diffsplat/camera_c2w/front"


@pytest.mark.parametrize(
    "wrong", [torch.zeros(1, 4, 4), torch.eye(4), torch.full((1, 4, 4), torch.nan)]
)
def test_another_answer_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: torch.Tensor
) -> None:
    assert main([str(camera_case(tmp_path, outputs={"c2w": wrong}))]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_part_without_a_check_fails_only_strictly(tmp_path: Path) -> None:
    camera_case(tmp_path, part="novelty")
    camera_case(tmp_path, system="elsewhere")
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--strict"]) == 1


def test_an_output_left_out_is_a_failure(tmp_path: Path) -> None:
    case = read_case(camera_case(tmp_path))
    verdict = judge(case, {})
    assert not verdict.passed
    assert "c2w" in verdict.fault


def fraction_case(share: float) -> Case:
    tolerance = {"metric": "fraction_within", "value": 0.01, "fraction": share}
    return Case("s", "p", "v", {}, {}, {}, {"x": torch.ones(10)}, tolerance)


def test_a_fraction_may_be_off_where_the_case_says_so() -> None:
    mostly = torch.ones(10)
    mostly[0] = 5
    assert judge(fraction_case(0.9), {"x": mostly}).passed
    assert not judge(fraction_case(0.95), {"x": mostly}).passed


def ply(values: list[float], count: int | None = None) -> torch.Tensor:
    head = f"ply\nelement vertex {count or len(values)}\nproperty float x\nend_header\n"
    return torch.frombuffer(
        bytearray(head.encode() + np.array(values, "<f4").tobytes()), dtype=torch.uint8
    )


def test_ply_files_are_compared_by_header_and_numbers() -> None:
    assert ply_error(ply([1, 2]), ply([1, 2])) == 0
    assert ply_error(ply([1, 2.5]), ply([1, 2])) == pytest.approx(0.25)
    assert ply_error(ply([1, 2]), ply([1, 2, 3])) == np.inf
