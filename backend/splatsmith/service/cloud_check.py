"""Whether an uploaded file is a splat file that can be read.

Plain PLY is read here. The other formats are decoded in a process of its own, which is started by
name: what a damaged or malicious file does to their decoders, it does not to the service.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ..contract.cloud import read_cloud
from ..contract.jsonable import from_json
from ..contract.problems import Problem, UnreadableCloud
from ..contract.splat_formats import SplatFormat

PROGRAM = "splatsmith.worker.cloud_checker"
PACKAGE_ROOT = Path(__file__).absolute().parents[2]
PROBLEM = 3  # the process's exit code when it printed a problem
_PLY = b"ply"
_HEADER_BYTES = 1 << 16
_PACKED = b"packed_position"  # a property of compressed PLY alone


def check_cloud(path: Path, format: SplatFormat | None = None) -> None:
    """Read the splat file at `path`, and forget it.

    Raises:
        UnreadableCloud: no splat file, cut off, damaged, or it would fill the memory.
    """
    if format in (None, SplatFormat.PLY) and _is_plain_ply(path):
        read_cloud(path)
        return
    process = subprocess.run(
        [sys.executable, "-P", "-m", PROGRAM, str(path), format or ""],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())},
        check=False,
    )
    if process.returncode == PROBLEM:
        problem = from_json(Problem, json.loads(process.stdout))
        raise UnreadableCloud(problem.detail, problem.remedy)
    if process.returncode:
        raise UnreadableCloud(
            f"{path.name} cannot be read: the process that tried it ended.",
            "The file may be damaged, or too large for this machine's memory.",
        )


def _is_plain_ply(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    return head.startswith(_PLY) and _PACKED not in head.partition(b"end_header")[0]


def _search_path() -> list[str]:
    inherited = os.environ.get("PYTHONPATH")
    return [str(PACKAGE_ROOT), *([inherited] if inherited else [])]
