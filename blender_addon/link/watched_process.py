"""A program whose output is watched while it runs, and which can be cancelled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Thread

POLL_SECONDS = 0.1

ProgressCallback = Callable[[str], None]


@dataclass(frozen=True)
class EndedProcess:
    """The exit status of a program, and the lines of its output."""

    status: int
    lines: list[str]


def run_watched(
    command: Sequence[str],
    variables: Mapping[str, str],
    report: ProgressCallback,
    cancelled: Event,
) -> EndedProcess | None:
    """Run `command` with the environment `variables`; `report` gets each line of its output.

    Returns None if `cancelled` was set: the program and all that it started are killed then.

    Raises:
        OSError: it cannot be run.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=dict(variables),
        start_new_session=True,
    )
    lines: list[str] = []
    reader = Thread(target=_read_output, args=(process, lines, report), daemon=True)
    reader.start()
    while reader.is_alive():
        if cancelled.wait(POLL_SECONDS):
            _kill_tree(process)
            reader.join()
            return None
    return EndedProcess(process.wait(), lines)


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
