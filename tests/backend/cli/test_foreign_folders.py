"""splatsmith extract of folders and files as they lie about: any name, other files beside them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from splatsmith.contract.cloud import write_cloud
from tests.backend.cli.conftest import CommandLine
from tests.backend.gaussians.clouds import shell

POINTS = ("--products", "points", "--points", 50)


def test_suffixes_have_any_case_and_hidden_files_are_left_out(run: CommandLine) -> None:
    Path("scans").mkdir()
    for name in ("SCAN_A.PLY", "scan_b.ply"):
        write_cloud(Path("scans", name), shell(300))
    for name in ("._scan_b.ply", "notes.txt"):
        Path("scans", name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")

    answer = run("extract", "scans", *POINTS, "--out", "o")

    assert "2 made, 0 kept, 0 failed" in answer.out
    assert "Left out: 2 other files, such as ._scan_b.ply." in answer.err
    assert Path("o/SCAN_A/points.ply").is_file()


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="names are text")
def test_a_name_that_is_not_utf_8_is_cleaned(run: CommandLine) -> None:
    bad = Path(os.fsdecode(b"caf\xe9.ply"))
    write_cloud(bad, shell(300))

    answer = run("extract", bad, *POINTS)

    assert answer.code == 0, answer.err
    record = json.loads(Path("out/job.json").read_text(encoding="utf-8"))
    assert record["files"] == ["splats.ply", "points.ply", "job.json"]
    assert record["request"]["name"] == "caf\N{REPLACEMENT CHARACTER}"
    Path("scans").mkdir()
    bad.write_bytes(b"nothing")
    bad.replace(Path("scans", bad.name))
    answer = run("extract", "scans", *POINTS, "--out", "o", "--json")
    assert answer.code == 1
    assert "caf\N{REPLACEMENT CHARACTER}.ply is not a splat file" in answer.err


@pytest.mark.parametrize("text", ["[1, 2, 3]", "{not json", '"text"', '{"request": 3}', "null"])
def test_a_foreign_record_in_the_results_folder_is_no_obstacle(run: CommandLine, text: str) -> None:
    for name in ("cup", "pot"):
        write_cloud(Path(f"{name}.ply"), shell(300))
    Path("o/cup").mkdir(parents=True)
    Path("o/cup/job.json").write_text(text, encoding="utf-8")

    answer = run("extract", "cup.ply", "pot.ply", *POINTS, "--out", "o")

    assert answer.code == 0, answer.err
    assert "2 made, 0 kept, 0 failed" in answer.out
