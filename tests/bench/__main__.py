"""Run the benchmarks that this Python can run and print their figures.

python -m tests.bench [NAME ...]    NAME: the beginning of a benchmark's name
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path

NOT_BENCHMARKS = {"__init__", "__main__", "figure"}
# Beginnings of the names of those that need bpy.
IN_BLENDER = (
    "edit_splats",
    "export",
    "idle_session",
    "import",
    "main_thread",
    "prompt_to_scene",
    "splat_transforms",
)


def benchmarks(prefixes: list[str]) -> list[str]:
    """The names of the benchmarks for this Python, sorted; all of them without `prefixes`."""
    in_blender = find_spec("bpy") is not None
    folder = Path(__file__).parent
    found = sorted(
        [path.stem for path in folder.glob("*.py")]
        + [path.parent.name for path in folder.glob("*/__init__.py")]
    )
    return [
        name
        for name in found
        if name not in NOT_BENCHMARKS
        and name.startswith(IN_BLENDER) == in_blender
        and (not prefixes or name.startswith(tuple(prefixes)))
    ]


def main(arguments: list[str]) -> int:
    for name in benchmarks(arguments):
        sys.stdout.write(f"\n{name}\n")
        for figure in importlib.import_module(f"tests.bench.{name}").figures():
            sys.stdout.write(f"  {figure}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
