"""The backend's process on this machine: started and stopped from Blender."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import BinaryIO

from ..contract.jsonable import from_json
from ..contract.wire import ConnectionInfo
from .address import Address
from .errors import BackendFailed, written_files

log = logging.getLogger(__name__)

START_SECONDS = 120.0  # a first start compiles byte code, perhaps from a slow disk
STOP_SECONDS = 10.0
EXIT_SECONDS = 2.0
PAUSE_SECONDS = 0.05
LOG_LINES = 6
KEPT_LOGS = 9
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")  # of its logger, or of a worker's
LOG_TAIL_BYTES = 8192


class Launcher:
    """One service process, which ends with this one. Its methods block: call them on a thread.

    python: of an environment with the backend's packages.
    backend: the folder of the package `splatsmith`.
    home: the service's data directory. Two Blenders with the same one have the same jobs, but a
        service each.
    device: "auto", "cpu" or "cuda".
    variables: environment variables for the service, in addition to this process's.
    """

    def __init__(
        self,
        python: Path,
        backend: Path,
        home: Path,
        device: str = "auto",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._python = python
        self._backend = backend
        self._home = home
        self._device = device
        self._variables = dict(variables or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def has_exited(self) -> bool:
        """Whether the process has exited or is about to: its sockets close shortly before."""
        if self._process is None:
            return True
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def log_file(self) -> Path:
        return self._home / "logs" / f"service-{os.getpid()}.log"

    def start(self, cancelled: Event) -> Address:
        """Start the service, in place of an earlier one, and wait until it listens.

        Raises:
            BackendFailed: it exited, did not listen in time, or `cancelled` was set.
            FileNotWritten: the data directory cannot be written.
        """
        self.stop()
        state_file = self._home / f"service-{os.getpid()}.json"
        with written_files():
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            self._delete_old_logs()
            state_file.unlink(missing_ok=True)
            output = self.log_file.open("ab")
        with output:
            self._process = self._spawn(state_file, output)
        try:
            return self._wait_for_address(state_file, cancelled)
        except BackendFailed:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the service: by SIGTERM, at last by SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("the backend did not end within %.0f s", STOP_SECONDS)
            process.kill()
            process.wait()

    def exit_error(self) -> BackendFailed:
        """Why the process exited, with what it wrote at its end; its log says what came before."""
        code = self._process.poll() if self._process else None
        lines = self.log_tail()
        has_last_words = bool(lines) and not LOG_LINE.match(lines[-1])
        said = f" It last said: {_sentence(lines[-1])}" if has_last_words else ""
        return BackendFailed(
            f"The backend ended by itself (exit code {code}).{said}", "Press Start to go on."
        )

    def log_tail(self) -> list[str]:
        """The last lines of the service's log."""
        if not self.log_file.is_file():
            return []
        with self.log_file.open("rb") as file:
            file.seek(max(0, self.log_file.stat().st_size - LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
        return [line for line in text.splitlines() if line.strip()][-LOG_LINES:]

    def _delete_old_logs(self) -> None:
        logs = sorted(self.log_file.parent.glob("*.log"), key=lambda path: path.stat().st_mtime)
        for old in logs[:-KEPT_LOGS]:
            old.unlink(missing_ok=True)

    def _spawn(self, state_file: Path, output: BinaryIO) -> subprocess.Popen[bytes]:
        # -P: Python files in the working folder are not imported.
        command = [str(self._python), "-P", "-m", "splatsmith", "serve"]
        command += ["--state-file", str(state_file), "--data-dir", str(self._home)]
        command += ["--parent-pid", str(os.getpid()), "--device", self._device]
        try:
            return subprocess.Popen(
                command,
                cwd=self._home,
                env={**backend_variables(self._backend), **self._variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise BackendFailed(
                f"{self._python} cannot be run ({error.strerror}).",
                "Choose another environment in the preferences, or press Install.",
            ) from error

    def _wait_for_address(self, state_file: Path, cancelled: Event) -> Address:
        deadline = time.monotonic() + START_SECONDS
        while not state_file.is_file():
            if not self.is_alive:
                raise self.exit_error()
            if cancelled.wait(PAUSE_SECONDS):
                raise BackendFailed("The start was cancelled.", "Press Start to go on.")
            if time.monotonic() > deadline:
                raise BackendFailed(
                    f"The backend did not come up within {START_SECONDS:.0f} s.",
                    f"Look into {self.log_file}.",
                )
        state = json.loads(state_file.read_text(encoding="utf-8"))
        connection = from_json(ConnectionInfo, state, "the backend's state file")
        return Address(connection.url, connection.token)


def backend_variables(backend: Path) -> dict[str, str]:
    """The environment variables of programs of the package in the folder `backend`."""
    # Blender's own PYTHON* variables would make the backend import Blender's packages.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONPATH": str(backend), "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1"}


def _sentence(line: str) -> str:
    return line if line.endswith((".", "!", "?")) else f"{line}."
