"""Print the figures.

    python -m tests.bench.ln3diff [CASE ...] [--tiny] [--device DEVICE]

CASE: "image dopri5", "image euler 25", "text 250". --tiny runs small networks, on a CPU too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .engine_times import CASES, Conditions, measure


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args(arguments)
    chosen = {name: CASES[name] for name in options.cases or CASES}
    for figure in measure(chosen, Conditions(options.device, not options.tiny)):
        sys.stdout.write(f"{figure}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
