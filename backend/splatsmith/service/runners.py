"""A worker as a child process that receives and sends messages."""

from __future__ import annotations

import logging
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from ..contract.problems import InvalidRequest, SplatsmithError
from ..errors import OutOfMemory, WorkerDied
from ..worker.messages import Message, decode, encode

log = logging.getLogger(__name__)

STOP_TIMEOUT = 5.0  # seconds between asking the process to end and killing it


class RunnerExited(Exception):
    """Raised when the worker process has ended and all its messages were received."""


class ProcessRunner:
    """One worker process, started on construction. It ends when its standard input closes."""

    def __init__(self, program: Sequence[str], on_message: Callable[[], None]) -> None:
        """Start the process.

        Args:
            program: a module that speaks splatsmith.worker.messages, and its arguments.
            on_message: called, in another thread, whenever `receive` has something.

        Raises:
            OSError: the process cannot be started.
        """
        self._on_message = on_message
        with _blocked_termination_signals():
            self._process = subprocess.Popen(
                # -P: no module of the working folder takes the place of an installed one
                [sys.executable, "-P", "-m", *program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="worker-reader", daemon=True
        )
        self._reader.start()
        log.info("started worker %d", self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Message) -> None:
        """Send a message; if the worker has died, `receive` raises."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encode(message))
            self._process.stdin.flush()
        except OSError:
            log.warning("worker %d has closed its input", self.pid)

    def receive(self, timeout: float) -> Message | None:
        """The next message, or None if none came within `timeout` seconds.

        Raises:
            RunnerExited: the process has ended.
        """
        try:
            message = self._inbox.get(timeout=timeout)
        except queue.Empty:
            return None
        if message is None:
            self._inbox.put(None)  # for the next call
            self._process.wait()
            raise RunnerExited
        return message

    def stop(self) -> None:
        """Close the worker's input, and kill it after STOP_TIMEOUT. Returns when it is gone."""
        self._close_input()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close_output()

    def kill(self) -> None:
        """Kill the process. Returns when it is gone."""
        self._process.kill()
        self._process.wait()
        self._close_input()
        self._close_output()

    def exit_error(self) -> SplatsmithError:
        """Why the process ended, for the user whose job it ran."""
        code = self._process.wait()
        if code < 0 and signal.Signals(-code).name == "SIGKILL":
            return OutOfMemory(
                "The worker was killed by the system (SIGKILL), most likely because the memory"
                " ran out.",
                "Close other programs, lower the settings or choose a smaller engine.",
            )
        return WorkerDied(
            f"The worker stopped in the middle of the job ({_describe_exit(code)}).",
            "Try again; if it stops again, the backend's log says where.",
        )

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            try:
                message = decode(line)
            except (ValueError, KeyError, TypeError, InvalidRequest):
                log.exception("worker %d: not a message; killing it", self.pid)
                self._process.kill()  # it has died already if the line is cut off
                break
            self._put(message)
        self._put(None)

    def _put(self, message: Message | None) -> None:
        self._inbox.put(message)
        self._on_message()

    def _close_input(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            log.debug("worker %d had closed its input", self.pid)

    def _close_output(self) -> None:
        assert self._process.stdout is not None
        self._reader.join(STOP_TIMEOUT)
        self._process.stdout.close()


@contextmanager
def _blocked_termination_signals() -> Iterator[None]:
    """Block SIGINT and SIGTERM in this thread, as a child process inherits it.

    Both may be sent to the whole process group, when a terminal or a session ends. It is the
    service that handles them: a worker that died of them would take its job with it. The worker
    itself ignores them (worker.channel), but only once its modules are loaded.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _describe_exit(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
