"""Reads one splat file, for the service: `python -m splatsmith.worker.cloud_checker FILE [FORMAT]`.

Prints a problem as JSON and ends with 3 if it cannot be read. No torch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..contract.jsonable import to_json
from ..contract.problems import SplatsmithError, UnreadableCloud
from ..contract.splat_formats import SplatFormat
from ..formats import read_splats

PROBLEM = 3  # service.cloud_check knows it


def main(path: Path, format: SplatFormat | None) -> int:
    """Returns the exit code."""
    try:
        read_splats(path, format=format)
    except SplatsmithError as error:
        return _print(error)
    except MemoryError:
        return _print(
            UnreadableCloud(f"There is not enough memory to read {path.name}.", "Split the file.")
        )
    return 0


def _print(error: SplatsmithError) -> int:
    sys.stdout.write(json.dumps(to_json(error.problem)))
    return PROBLEM


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), SplatFormat(sys.argv[2]) if sys.argv[2] else None))
