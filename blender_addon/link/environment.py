"""The Python environment of the backend, created by its installer from its locks."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from ..contract.problems import SplatsmithError

OLDEST_PYTHON = (3, 11)
STAMP = "installed-locks.txt"  # the installer writes it last: without it, it is incomplete
PROBE_SECONDS = 30.0

ProgressCallback = Callable[[str], None]


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
        raise InstallFailed(f"{python} lacks the modules venv or ensurepip.", remedy)
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
        """The lock that it was installed from; before that, the one that would be."""
        stamp = self.folder / STAMP
        if stamp.is_file():
            lines = stamp.read_text(encoding="utf-8").splitlines()[1:]
            return ", ".join(line.split()[0].removesuffix(".txt") for line in lines)
        if self.accelerator == "auto":
            return "for an NVIDIA GPU" if has_nvidia_driver() else "for the processor"
        return self._lock_name

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
        command = [str(python), "-I", str(self.locks / "install.py"), str(self.folder)]
        try:
            _run([*command, self._lock_name], report, cancelled)
        except BaseException:
            self._remove()
            raise

    @property
    def _lock_name(self) -> str:
        names = [lock.stem for lock in self.locks.glob(f"*-{self.accelerator}.txt")]
        fitting = [name for name in names if name.startswith(sys.platform)]
        return fitting[0] if fitting else "backend"

    def _remove(self) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)


def _fingerprint(lock: Path) -> str:
    if not lock.is_file():
        return ""
    digest = hashlib.sha256(lock.read_text(encoding="utf-8").encode()).hexdigest()
    return f"{lock.name} {digest}"


def _run(command: Sequence[str], report: ProgressCallback, cancelled: Event) -> None:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"},
        start_new_session=True,
    )
    lines: list[str] = []
    reader = Thread(target=_read_output, args=(process, lines, report), daemon=True)
    reader.start()
    while reader.is_alive():
        if cancelled.wait(0.1):
            _kill_tree(process)
            reader.join()
            raise InstallCancelled
    if process.wait() != 0:
        *detail, remedy = lines[-2:] or [f"The installer ended with {process.returncode}."]
        raise InstallFailed(" ".join(detail), remedy)


def _kill_tree(process: subprocess.Popen[str]) -> None:
    # venv and pip have child processes, which would go on writing.
    if sys.platform == "win32":
        command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, check=False)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read_output(
    process: subprocess.Popen[str], lines: list[str], report: ProgressCallback
) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.append(line.strip())
            report(line.strip())


def _version_text(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
