"""Recompute recorded cases with the engines' own code and print their errors.

    python -m tests.parity.check PATH ... [--strict]

PATH: case files, or folders of them. One line a case; ends non-zero on a FAIL, and with --strict
also where no check is registered for a case's part.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
# This checkout's own code, whatever is installed.
sys.path[:0] = [path for path in (str(ROOT), str(ROOT / "backend")) if path not in sys.path]

from tests.parity.case import Case, Registry, read_case  # noqa: E402
from tests.parity.comparison import Comparison, compare  # noqa: E402

# Each has a module here with its CHECKS.
SYSTEMS = ("diffsplat", "diffusiongs", "ivid", "ln3diff", "zero1tog")


@dataclass(frozen=True)
class Result:
    case: Case
    comparison: Comparison | None  # None: nothing is registered for the case's part

    def __str__(self) -> str:
        if self.comparison is None:
            return f"{self.case.name:<58} {'':>9}  {'':>8}  no check"
        word = "ok" if self.comparison.passed else "FAIL"
        numbers = f"{self.comparison.error:9.2e}  {self.comparison.tolerance:8.1e}"
        return f"{self.case.name:<58} {numbers}  {word} {self.comparison.reason}".rstrip()


def case_files(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and all cases in folders, sorted."""
    found: list[Path] = []
    for path in paths:
        inside = [*path.rglob("*.pt"), *path.rglob("*.pt.gz")]
        found += sorted(inside) if path.is_dir() else [path]
    return found


def check_case(path: Path) -> Result:
    """Recompute one case in float32 on the CPU."""
    case = read_case(path)
    check = _checks(case.system).get(case.part)
    if check is None:
        return Result(case, None)
    with torch.inference_mode():
        return Result(case, compare(case, check(case)))


def check_all(paths: Sequence[Path]) -> Iterator[Result]:
    for file in case_files(paths):
        yield check_case(file)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--strict", action="store_true", help="a missing check is a failure")
    options = parser.parse_args(arguments)
    if absent := [path for path in options.paths if not path.exists()]:
        parser.error(f"there is no {absent[0]}")
    bad = 0
    for result in check_all(options.paths):
        sys.stdout.write(f"{result}\n")
        sys.stdout.flush()
        bad += not result.comparison.passed if result.comparison else options.strict
    return 1 if bad else 0


def _checks(system: str) -> Registry:
    if system not in SYSTEMS:
        return Registry()
    return importlib.import_module(f"tests.parity.{system}").CHECKS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
