"""Programs run one at a time, each in a process of its own that says what it took.

Only the standard library: other Pythons than the backend's run such programs as well.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

_LINUX_STATUS = Path("/proc/self/status")
_LIMIT = 1800  # seconds


@dataclass(frozen=True)
class Cost:
    """What a program took.

    Attributes:
        stages: seconds of each stage, in the order they ran.
        peak: bytes of memory at most, of the whole process.
        base: bytes of memory at most before the work began: Python and its libraries.
    """

    stages: dict[str, float]
    peak: int
    base: int

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


@dataclass
class StageClock:
    """Adds up seconds by stage, told only when a stage is on."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _stage: str = "Starting"
    _since: float = field(default_factory=time.perf_counter)

    def listen(self, fraction: float, stage: str) -> None:
        """A `Progress`' report: the time since the last one belongs to the stage before."""
        now = time.perf_counter()
        if now - self._since > 0:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0) + now - self._since
        self._stage, self._since = stage, now


def peak_memory() -> int:
    """Bytes that this process held at most.

    getrusage would count what the parent held too (Linux keeps it over exec), so Linux is asked
    itself; elsewhere the answer is 0.
    """
    if not _LINUX_STATUS.exists():
        return 0
    status = _LINUX_STATUS.read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def say(cost: Cost) -> None:
    """Tell the parent, which reads the last line."""
    sys.stdout.write(f"\n{json.dumps(asdict(cost))}\n")


def run(module: str, arguments: Sequence[str], python: str = sys.executable) -> Cost:
    """Run the program `tests.bench.extraction.<module>` and hear what it took.

    Raises:
        RuntimeError: it failed; the message is the end of what it wrote.
    """
    command = [python, "-m", f"{__package__}.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT)
    if done.returncode != 0:
        raise RuntimeError(f"{module} failed:\n{done.stderr[-2000:]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))
