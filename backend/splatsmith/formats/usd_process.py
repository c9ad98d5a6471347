"""Reading USD files in a process of its own: usd-core ends its process when a file is damaged.

`read` starts `python -m splatsmith.formats.usd_process FILE FOLDER`, which leaves the Gaussians'
arrays in FOLDER, or the problem.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..contract.cloud import GaussianCloud
from ..contract.jsonable import from_json, to_json
from ..contract.problems import Problem, SplatsmithError, UnreadableCloud
from ..contract.up_axis import UpAxis
from ..progress import Progress, silent
from . import usd
from .decoded import DecodedSplats
from .limits import EXPANSION, damaged

PROGRAM = "splatsmith.formats.usd_process"
PACKAGE_ROOT = Path(__file__).absolute().parents[2]
POLL_SECONDS = 0.05  # between two checks for cancellation
LEAST_MEMORY = 4 * 2**30  # bytes of address space that the process gets, at least
PROBLEM = 3  # the process's exit code when it left a problem
_ARRAYS = ("means", "quats", "scales", "opacities", "sh0", "shN")
_PROBLEM_FILE, _AXIS_FILE = "problem.json", "up.txt"


def read(path: Path, progress: Progress) -> DecodedSplats:
    """The Gaussians of a USD file.

    Raises:
        Cancelled: from `progress`; the process is ended.
        UnreadableCloud: it holds none, is cut off, damaged, or refers to other files.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", PROGRAM, str(path.absolute()), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        )
        try:
            code = _wait(process, progress)
        finally:
            process.kill()
            process.wait()
        if code == PROBLEM:
            content = json.loads((folder / _PROBLEM_FILE).read_text(encoding="utf-8"))
            problem = from_json(Problem, content)
            raise UnreadableCloud(problem.detail, problem.remedy)
        if code:
            raise damaged(path, "USD ended while it read it")
        arrays = [np.load(folder / f"{each}.npy") for each in _ARRAYS]
        up = UpAxis((folder / _AXIS_FILE).read_text(encoding="utf-8"))
    return DecodedSplats(GaussianCloud(*arrays), up)


def _wait(process: subprocess.Popen[bytes], progress: Progress) -> int:
    while True:
        progress.step(0, 1)
        try:
            return process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def main(path: Path, folder: Path) -> int:
    """The process: `path` is read, arrays are written to `folder`. Returns the exit code."""
    _limit_memory(max(LEAST_MEMORY, EXPANSION * path.stat().st_size))
    try:
        decoded = usd.read(path, silent())
    except SplatsmithError as error:
        problem = json.dumps(to_json(error.problem))
        (folder / _PROBLEM_FILE).write_text(problem, encoding="utf-8")
        return PROBLEM
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(decoded.cloud, name))
    (folder / _AXIS_FILE).write_text(decoded.up or UpAxis.Y, encoding="utf-8")
    return 0


def _limit_memory(most_bytes: int) -> None:
    """Let allocations beyond `most_bytes` fail, where the system can."""
    try:
        import resource  # POSIX alone has it
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or most_bytes < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, hard))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
