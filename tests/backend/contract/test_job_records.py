"""Which job.json counts for a file beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splatsmith.contract.job_records import read_record

OURS = {"request": {"prompt": "a cup", "engine": "sprout"}}


def write(folder: Path, record: object) -> None:
    (folder / "job.json").write_text(json.dumps(record), encoding="utf-8")


def test_our_record_counts_for_the_files_that_it_lists(tmp_path: Path) -> None:
    record = {**OURS, "files": ["splats.ply", "job.json"]}
    write(tmp_path, record)
    assert read_record(tmp_path) == record
    assert read_record(tmp_path, ["splats.ply"]) == record
    assert read_record(tmp_path, ["mesh.glb"]) is None
    assert read_record(tmp_path, ["splats.ply", "another.ply"]) is None


def test_a_record_without_a_list_counts_for_artifacts(tmp_path: Path) -> None:
    write(tmp_path, OURS)
    assert read_record(tmp_path, ["mesh.glb"]) == OURS
    assert read_record(tmp_path, ["another.ply"]) is None


@pytest.mark.parametrize(
    "record",
    [
        [1, 2, 3],
        "job",
        None,
        {},
        {"request": "a cup"},
        {"request": {}},
        {"request": {"prompt": "a cup", "engine": 3}},
        {**OURS, "files": "splats.ply"},
        {**OURS, "files": [3, None]},
    ],
)
def test_the_record_of_another_program_does_not_count(tmp_path: Path, record: object) -> None:
    write(tmp_path, record)
    assert read_record(tmp_path, ["splats.ply"]) is None


@pytest.mark.parametrize("data", [b"{not json", b"\xff\xfe\x00", b"[" * 100_000, b""])
def test_a_broken_record_does_not_count(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "job.json").write_bytes(data)
    assert read_record(tmp_path) is None


def test_a_missing_record_does_not_count(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    (tmp_path / "job.json").mkdir()
    assert read_record(tmp_path) is None
