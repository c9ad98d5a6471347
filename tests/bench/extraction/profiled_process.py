"""Run benchmark programs in processes of their own and collect their time and peak memory.

Standard library only: other Pythons than the backend's run such programs too.
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
class ProcessCost:
    """Time and memory of a program.

    Attributes:
        stages: seconds of each stage, in order.
        peak: peak memory of the process, bytes.
        base: peak before the work: Python and its libraries, bytes.
    """

    stages: dict[str, float]
    peak: int
    base: int

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


@dataclass
class StageClock:
    """Seconds by stage, measured from progress reports."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _stage: str = "Starting"
    _since: float = field(default_factory=time.perf_counter)

    def on_progress(self, fraction: float, stage: str) -> None:
        """For `Progress.report`: the time since the last report goes to the stage reported then."""
        now = time.perf_counter()
        if now - self._since > 0:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0) + now - self._since
        self._stage, self._since = stage, now


def peak_memory() -> int:
    """Peak resident memory of this process in bytes; 0 where /proc is not available.

    getrusage would include the parent's peak, which Linux keeps over exec.
    """
    if not _LINUX_STATUS.exists():
        return 0
    status = _LINUX_STATUS.read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def report_cost(cost: ProcessCost) -> None:
    """Print for the parent, which reads the last line."""
    sys.stdout.write(f"\n{json.dumps(asdict(cost))}\n")


def run(module: str, arguments: Sequence[str], python: str = sys.executable) -> ProcessCost:
    """Run the program `tests.bench.extraction.<module>` and return its cost.

    Raises:
        RuntimeError: it failed; the message is the end of its error output.
    """
    command = [python, "-m", f"{__package__}.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT)
    if done.returncode != 0:
        raise RuntimeError(f"{module} failed:\n{done.stderr[-2000:]}")
    return ProcessCost(**json.loads(done.stdout.splitlines()[-1]))
