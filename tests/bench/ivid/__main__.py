"""Print ivid's figures.

    python -m tests.bench.ivid [--tiny] [--device DEVICE] [--dtype NAME] [--warping]

--tiny runs small networks with few steps, on a CPU too. --warping measures that alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from tests.backend.ivid.tiny_unets import TINY
from tests.bench.figure import Figure

from .engine_times import Conditions, measure_engine
from .random_weights import FULL
from .warping_times import measure_warping


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="float16")
    parser.add_argument("--warping", action="store_true")
    for figure in _measure(parser.parse_args(arguments)):
        sys.stdout.write(f"{figure}\n")
        sys.stdout.flush()
    return 0


def _measure(options: argparse.Namespace) -> Iterator[Figure]:
    config = TINY if options.tiny else FULL
    yield from measure_warping(config.image_size)
    if not options.warping:
        shortened = 100 if options.tiny else 1
        yield from measure_engine(config, Conditions(options.device, options.dtype, shortened))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
