"""Programs that build_addon.py starts import nothing from the folder it is called in."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import build_addon


def test_pip_is_not_taken_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "lock.txt").write_text("pebble==1.0 --hash=sha256:" + "0" * 64 + "\n")
    for name in ("pip", "json", "torch"):
        source = f"from pathlib import Path\nPath({str(tmp_path)!r}, 'imported').touch()\n"
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(build_addon, "WHEELS", wheels)

    with pytest.raises(build_addon.BuildError, match="could not be fetched"):
        build_addon.fetch_wheels()

    assert not (tmp_path / "imported").exists()


def test_every_python_that_is_started_ignores_the_working_folder(project: Path) -> None:
    tree = ast.parse((project / "build_addon.py").read_text("utf-8"))
    commands = [
        [each.value if isinstance(each, ast.Constant) else "" for each in node.elts]
        for node in ast.walk(tree)
        if isinstance(node, ast.List)
    ]
    started = [words for words in commands if {"-m", "-c"} & set(words[1:])]

    assert len(started) >= 8
    assert all("-P" in words for words in started)
