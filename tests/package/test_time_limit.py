"""A run of tests that takes too long says what has failed until then."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import build_addon

TESTS = """
import time

def test_fails():
    assert 1 == 2

def test_passes():
    pass

def test_hangs():
    time.sleep(600)
"""


def test_what_failed_before_the_limit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "test_slow.py"
    file.write_text(TESTS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    monkeypatch.setattr(build_addon, "MINUTES", 15)  # seconds
    options = (str(file), "-c", str(tmp_path / "pytest.ini"), "-p", "no:cacheprovider")
    with (tmp_path / "output").open("wb") as output:
        run = build_addon.TestRun(Path(sys.executable), options, minutes=1, output=output)
        results = build_addon.run_tests(run)
    assert results == build_addon.TestResults(passed=1, failed=1)
    assert "assert 1 == 2" in (tmp_path / "output").read_text(encoding="utf-8")
