"""The Python environment of the backend, created by its installer from its locks."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from ..contract.problems import SplatsmithError
from .backend_builds import BackendBuild, build_of_lock
from .watched_process import ProgressCallback, run_watched

OLDEST_PYTHON = (3, 11)
STAMP = "installed-locks.txt"  # the installer writes it last: without it, it is incomplete
PROBE_SECONDS = 30.0
VENV_REMEDY = (
    "Install python3-venv (on Debian and Ubuntu: sudo apt install python3-venv), or choose another "
    "Python in the preferences."
)


class InstallFailed(SplatsmithError):
    """Raised when the environment cannot be created, or is missing."""

    code = "install-failed"
    title = "The backend is not installed"


class InstallCancelled(Exception):
    """Raised when the user stops the installation; its files are removed."""


def python_in(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def has_nvidia_driver() -> bool:
    return shutil.which("nvidia-smi") is not None


def check_python(python: Path) -> None:
    """Refuse an interpreter that is missing, too old or cannot create environments.

    Raises:
        InstallFailed: says what is wrong with it.
    """
    script = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    command = [str(python), "-I", "-c", script]
    remedy = "Choose another Python in the preferences."
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallFailed(f"{python} cannot be run ({error}).", remedy) from error
    if done.returncode != 0:
        raise InstallFailed(f"{python} lacks the modules venv or ensurepip.", VENV_REMEDY)
    version = tuple(int(part) for part in done.stdout.split())
    if version < OLDEST_PYTHON:
        raise InstallFailed(
            f"{python} is Python {_version_text(version)}, which is too old.", remedy
        )


@dataclass(frozen=True)
class Environment:
    """An environment in `folder` from one of `locks`.

    accelerator: "cpu" or "cuda" asks for that lock where a platform has two; "auto" leaves the
        choice to the installer.
    """

    folder: Path
    locks: Path
    accelerator: str = "auto"

    @property
    def is_complete(self) -> bool:
        """Whether it was installed completely, from locks that have not changed since."""
        stamp = self.folder / STAMP
        if not stamp.is_file() or not python_in(self.folder).exists():
            return False
        _, *locks = stamp.read_text(encoding="utf-8").splitlines()
        return locks == [_fingerprint(self.locks / line.split()[0]) for line in locks]

    @property
    def build(self) -> str:
        """The lock that it was installed from; before that, a title of the one that would be."""
        stamp = self.folder / STAMP
        if stamp.is_file():
            lines = stamp.read_text(encoding="utf-8").splitlines()[1:]
            return ", ".join(line.split()[0].removesuffix(".txt") for line in lines)
        return self.planned_build.title

    @property
    def planned_build(self) -> BackendBuild:
        """What `install` fetches."""
        return build_of_lock(self._lock_name)

    def install(self, python: Path, report: ProgressCallback, cancelled: Event) -> None:
        """Create it with the interpreter `python`; `report` gets lines of progress. Takes minutes.

        Raises:
            InstallFailed: the interpreter or the installer failed; all files are removed.
            InstallCancelled: `cancelled` was set; all files are removed.
            OSError: the folder cannot be written.
        """
        check_python(python)
        self._remove()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        # -X: a path that the locale lacks can be printed; -I ignores PYTHONUTF8.
        command = [
            str(python),
            "-I",
            "-X",
            "utf8",
            str(self.locks / "install.py"),
            str(self.folder),
        ]
        try:
            _run([*command, self._lock_name], report, cancelled)
        except BaseException:
            self._remove()
            raise

    @property
    def _lock_name(self) -> str:
        """The lock for this machine. Of two it names one, so that no other is installed."""
        accelerator = self.accelerator
        if accelerator == "auto":
            accelerator = "cuda" if has_nvidia_driver() else "cpu"
        names = [lock.stem for lock in self.locks.glob(f"*-{accelerator}.txt")]
        machine = f"{sys.platform}-{platform.machine().lower()}-"
        return next((name for name in names if name.startswith(machine)), "backend")

    def _remove(self) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)


def _fingerprint(lock: Path) -> str:
    if not lock.is_file():
        return ""
    digest = hashlib.sha256(lock.read_text(encoding="utf-8").encode()).hexdigest()
    return f"{lock.name} {digest}"


def _run(command: Sequence[str], report: ProgressCallback, cancelled: Event) -> None:
    variables = {**os.environ, "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}
    ended = run_watched(command, variables, report, cancelled)
    if ended is None:
        raise InstallCancelled
    if ended.status != 0:
        *detail, remedy = ended.lines[-2:] or [f"The installer ended with {ended.status}."]
        raise InstallFailed(" ".join(detail), remedy)


def _version_text(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
