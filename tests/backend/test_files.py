"""Atomic writing: complete or not at all, whatever is raised in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatsmith.errors import StorageFull
from splatsmith.files import atomic_directory, atomic_write


def test_atomic_write_replaces_the_file_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a ‘file’.txt"
    path.write_text("old")

    with atomic_write(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"

    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(path.name, "new")]


def test_failed_atomic_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    with pytest.raises(KeyboardInterrupt), atomic_write(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt

    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(path.name, "old")]


def test_atomic_directory_replaces_files_and_keeps_others(tmp_path: Path) -> None:
    for name in ("replaced", "kept"):
        (tmp_path / name).write_text("old")

    with atomic_directory(tmp_path) as partial:
        for name in ("replaced", "added"):
            (partial / name).write_text("new")
        assert (tmp_path / "replaced").read_text() == "old"

    found = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert found == {"replaced": "new", "added": "new", "kept": "old"}


def test_failed_atomic_directory_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "parent" / "folder"

    with pytest.raises(RuntimeError), atomic_directory(folder) as partial:
        (partial / "file").write_text("half")
        raise RuntimeError

    assert not folder.exists()


def test_atomic_directory_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageFull, match="Choose another"), atomic_directory(folder):
            pass
