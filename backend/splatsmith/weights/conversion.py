"""Conversion of pickled checkpoints to safetensors, in a process of its own. No torch here.

`worker.checkpoint_converter` alone opens the pickle, and calls nothing that it names. This side
decides by names and shapes what is stored, before anything is written, and ends the process when
the job is cancelled or fails. If this process dies, the converter ends by itself.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from ..contract.problems import Problem, SplatsmithError
from ..errors import StorageFull, UnsafeWeights, WeightsDamaged
from ..files import atomic_write
from ..progress import Progress
from .conversion_messages import (
    ConversionDone,
    ConversionFailed,
    Message,
    OpenPickle,
    PickleContent,
    TensorsWritten,
    WriteTensors,
    decode,
    encode,
)

log = logging.getLogger(__name__)

PROGRAM = "splatsmith.worker.checkpoint_converter"
PACKAGE_ROOT = Path(__file__).absolute().parents[2]
POLL_SECONDS = 0.1  # between two checks for cancellation
LOG_BYTES = 2_000  # of the converter's standard error that go to our log
ERRORS = {each.code: each for each in (UnsafeWeights, WeightsDamaged, StorageFull)}

Answer = TypeVar("Answer", bound=Message)


class PickleReader:
    """A pickle that the converter has read; see weights_files.WeightsReader."""

    def __init__(self, converter: _Converter, content: PickleContent) -> None:
        self.shapes = content.shapes
        self.others = content.others
        self._converter = converter

    def store(self, target: Path, stored_names: Mapping[str, str], progress: Progress) -> str:
        with atomic_write(target) as part:
            order = WriteTensors(str(part.absolute()), dict(stored_names))
            try:
                return self._converter.ask(order, ConversionDone, progress).sha256
            except BaseException:
                self._converter.close()  # before the part is removed, which it has open
                raise


@contextmanager
def open_pickle(path: Path, progress: Progress) -> Iterator[PickleReader]:
    """Have a converter read the pickle at `path`; it is ended afterwards.

    Raises:
        Cancelled: from `progress`.
        UnsafeWeights: the pickle holds more than weights.
        WeightsDamaged: it is truncated, or no checkpoint.
    """
    with tempfile.TemporaryFile() as output:
        converter = _Converter(path, output)
        try:
            content = converter.ask(OpenPickle(str(path.absolute())), PickleContent, progress)
            yield PickleReader(converter, content)
        finally:
            converter.close()


class _Converter:
    """The process, and the messages that it has sent; `output` gets its standard error."""

    def __init__(self, path: Path, output: IO[bytes]) -> None:
        self._path = path
        self._output = output
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            encoding="utf-8",
            # -P and this: it imports nothing from the working folder, wherever that is.
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        )
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="converter", daemon=True)
        self._reader.start()

    def ask(self, message: Message, kind: type[Answer], progress: Progress) -> Answer:
        """Send `message` and wait for the answer of that `kind`.

        Raises:
            Cancelled: from `progress`.
            SplatsmithError: the converter failed, or died.
        """
        self._send(message)
        done, total = 0, 1
        while True:
            progress.step(done, total)
            try:
                answer = self._messages.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            match answer:
                case TensorsWritten():
                    done, total = answer.written_bytes, answer.total_bytes
                case ConversionFailed():
                    raise _error(answer.problem)
                case None:
                    raise self._death()
                case _:
                    assert isinstance(answer, kind)
                    return answer

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _send(self, message: Message) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encode(message))
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the process has died: `ask` raises

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._messages.put(decode(line))
        except ValueError as error:  # a line that was cut off by its death
            log.warning("the converter's last message cannot be read: %s", error)
        self._messages.put(None)

    def _death(self) -> SplatsmithError:
        code = self._process.wait()
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - LOG_BYTES))
        last_words = self._output.read().decode(errors="replace")
        log.warning("the converter ended (%s): %s", code, last_words)
        return WeightsDamaged(
            f"The process that read {self._path} ended unexpectedly ({code}).",
            "The file may be damaged, or too large for this machine's memory.",
        )


def _error(problem: Problem) -> SplatsmithError:
    kind = ERRORS.get(problem.code, SplatsmithError)
    return kind(problem.detail, problem.remedy)
