"""Environments that backend/locks/install.py makes, from a lock and a wheel made here."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WHEEL = "pebble-1.0-py3-none-any.whl"
METADATA = "Metadata-Version: 2.1\nName: pebble\nVersion: 1.0\n"
TAGS = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def locks(tmp_path: Path, project: Path) -> Path:
    """A copy of the installer with a lock `pebble` and the wheel that it pins."""
    folder = tmp_path / "locks"
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("pebble.py", "SIZE = 1\n")
        wheel.writestr("pebble-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("pebble-1.0.dist-info/WHEEL", TAGS)
        wheel.writestr("pebble-1.0.dist-info/RECORD", "")
    source = (project / "backend/locks/install.py").read_text("utf-8")
    source = source.replace("SECONDS_BETWEEN_ATTEMPTS = 5", "SECONDS_BETWEEN_ATTEMPTS = 0")
    (folder / "install.py").write_text(source, encoding="utf-8")
    digest = hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()
    write_lock(folder, digest)
    return folder


def write_lock(folder: Path, digest: str) -> None:
    lock = f"pebble==1.0 \\\n    --hash=sha256:{digest}\n"
    (folder / "pebble.txt").write_text(lock, encoding="utf-8")


def run_install(
    locks: Path, environment: Path, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(locks / "install.py"), str(environment), "pebble"]
    variables = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(locks)}
    return subprocess.run(command, text=True, capture_output=True, env=variables, cwd=cwd)


def test_environment_holds_what_the_lock_pins(locks: Path, tmp_path: Path) -> None:
    environment = tmp_path / "made here ü"
    result = run_install(locks, environment)
    assert result.returncode == 0, result.stderr
    assert "[1/1] pebble 1.0" in result.stdout
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    assert subprocess.run([str(python), "-c", "import pebble"]).returncode == 0


def test_python_files_in_the_working_folder_are_not_imported(locks: Path, tmp_path: Path) -> None:
    for name in ("venv.py", "pip.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('imported')\n", encoding="utf-8")
    result = run_install(locks, tmp_path / "environment", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_only_a_changed_lock_makes_the_environment_anew(locks: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    run_install(locks, environment)
    trace = environment / "trace"
    trace.touch()
    assert run_install(locks, environment).stdout == ""
    with (locks / "pebble.txt").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    assert run_install(locks, environment).returncode == 0
    assert not trace.exists()


def test_wheel_with_another_hash_is_refused(locks: Path, tmp_path: Path) -> None:
    write_lock(locks, "0" * 64)
    environment = tmp_path / "environment"
    for _ in range(2):
        result = run_install(locks, environment)
        assert result.returncode == 1
        assert "could not be installed" in result.stderr
        assert "try again" in result.stderr
