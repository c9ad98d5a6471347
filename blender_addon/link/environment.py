"""The Python environment the backend runs in: made from a lock, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
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
STAMP = "complete.json"  # written last: an environment without it is half-made
TASK_SECONDS = 30.0

Tell = Callable[[str], None]


class InstallFailed(SplatsmithError):
    """Raised when the environment cannot be made."""

    code = "install-failed"
    title = "The backend could not be installed"


class InstallCancelled(Exception):
    """Raised when the user stops the installation; what was made of it is removed."""


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver answers on this machine."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        done = subprocess.run([program, "-L"], capture_output=True, timeout=TASK_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and b"GPU" in done.stdout


def choose_lock(folder: Path, accelerator: str = "auto") -> Path:
    """The lock in `folder` for this machine; `accelerator` is "auto", "cpu" or "cuda".

    Raises:
        InstallFailed: there is none.
    """
    system = {"Darwin": "macos"}.get(platform.system(), platform.system().lower())
    machine = {"AMD64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    if accelerator == "auto":
        accelerator = "cuda" if has_nvidia_gpu() else "cpu"
    for name in (f"{system}-{machine}-{accelerator}.txt", f"{system}-{machine}.txt"):
        if (folder / name).is_file():
            return folder / name
    raise InstallFailed(
        f"There is no backend for {system} on {machine}.",
        "Use a backend on another machine: enter its address in the preferences.",
    )


def check_python(python: Path) -> None:
    """Refuse an interpreter that is absent, too old or cannot make environments.

    Raises:
        InstallFailed: with what is wrong about it.
    """
    script = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", script],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TASK_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallFailed(
            f"{python} cannot be run ({error}).", "Choose another Python in the preferences."
        ) from error
    if done.returncode != 0:
        raise InstallFailed(
            f"{python} lacks the modules venv or ensurepip.",
            "Choose a complete Python in the preferences.",
        )
    version = tuple(int(part) for part in done.stdout.split())
    if version < OLDEST_PYTHON:
        raise InstallFailed(
            f"{python} is Python {'.'.join(map(str, version))}.",
            f"Choose {'.'.join(map(str, OLDEST_PYTHON))} or newer in the preferences.",
        )


def python_in(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


@dataclass(frozen=True)
class Environment:
    """An environment in `folder` for the packages that `lock` pins."""

    folder: Path
    lock: Path

    @property
    def python(self) -> Path:
        return python_in(self.folder)

    @property
    def is_complete(self) -> bool:
        """Whether it was finished, and from this very lock."""
        try:
            stamp = json.loads((self.folder / STAMP).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return stamp == self._stamp() and self.python.exists()

    def install(self, python: Path, tell: Tell, cancelled: Event) -> None:
        """Make it anew with the interpreter `python`; `tell` gets pip's lines. Takes minutes.

        Raises:
            InstallFailed: pip or the interpreter failed; nothing stays behind.
            InstallCancelled: `cancelled` was set; nothing stays behind.
        """
        check_python(python)
        self.remove()
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            tell("Making an environment")
            _run([str(python), "-I", "-m", "venv", str(self.folder)], tell, cancelled)
            _run(self._pip(), tell, cancelled)
            (self.folder / STAMP).write_text(json.dumps(self._stamp()), encoding="utf-8")
        except OSError as error:
            self.remove()
            raise InstallFailed(
                f"The environment cannot be written ({error.strerror}).",
                f"Make room or choose another folder than {self.folder}.",
            ) from error
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _pip(self) -> list[str]:
        options = ["--require-hashes", "--only-binary=:all:", "--progress-bar=off", "--no-input"]
        command = [str(self.python), "-I", "-m", "pip", "--disable-pip-version-check", "install"]
        return [*command, *options, "-r", str(self.lock)]

    def _stamp(self) -> dict[str, str]:
        digest = hashlib.sha256(self.lock.read_bytes()).hexdigest()
        return {"lock": self.lock.name, "sha256": digest}


def _run(command: Sequence[str], tell: Tell, cancelled: Event) -> None:
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
    reader = Thread(target=_read, args=(process, lines, tell), daemon=True)
    reader.start()
    while reader.is_alive():
        if cancelled.wait(0.1):
            _kill_tree(process)
            reader.join()
            raise InstallCancelled
    if process.wait() != 0:
        raise InstallFailed(
            f"pip failed: {_last_error(lines)}",
            "Check the connection and the room on the disk, then install again.",
        )


def _kill_tree(process: subprocess.Popen[str]) -> None:
    # venv and pip have children of their own, which would go on writing.
    if sys.platform == "win32":
        command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, check=False)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(process: subprocess.Popen[str], lines: list[str], tell: Tell) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.append(line.strip())
            tell(line.strip())


def _last_error(lines: Sequence[str]) -> str:
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or list(lines[-1:]) or ["it said nothing"])[-1].rstrip(".") + "."
