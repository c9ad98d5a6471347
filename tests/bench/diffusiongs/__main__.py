"""Print some variants' figures.

    python -m tests.bench.diffusiongs [VARIANT ...] [--tiny] [--device DEVICE] [--dtype NAME ...]
                                      [--steps N] [--once]

--tiny runs small networks, on a CPU too. --once measures the first job alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.backend.diffusiongs.tiny_denoisers import TINY

from . import VARIANTS
from .engine_times import STEPS, Conditions, measure_variant
from .random_weights import FULL


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("variants", nargs="*", default=VARIANTS, metavar="VARIANT")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", nargs="+", default=["float16"])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args(arguments)
    configs = TINY if options.tiny else FULL
    conditions = Conditions(options.device, options.dtype, options.steps, options.once)
    for variant in options.variants:
        for figure in measure_variant(variant, configs, conditions):
            sys.stdout.write(f"{figure}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
