"""Print some variants' figures.

    python -m tests.bench.diffsplat [VARIANT ...] [--tiny] [--device DEVICE] [--dtype NAME ...]

--tiny runs small networks, on a CPU too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from tests.backend.diffsplat.tiny_checkpoints import TINY

from . import VARIANTS
from .engine_times import measure_variant
from .full_sizes import FULL


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("variants", nargs="*", default=VARIANTS, metavar="VARIANT")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", nargs="+", default=["bfloat16"])
    options = parser.parse_args(arguments)
    sizes = replace(TINY if options.tiny else FULL, device=options.device)
    for variant in options.variants:
        for figure in measure_variant(variant, sizes, options.device, options.dtype):
            sys.stdout.write(f"{figure}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
