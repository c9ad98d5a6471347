"""From the arguments to an exit code: 0 done, 1 failed, 2 asked for wrongly, 130 stopped."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from ..contract.problems import SplatsmithError
from ..error_mapping import explain
from ..errors import Cancelled
from .arguments import parse
from .console import Screen

DONE, FAILED, ASKED_WRONGLY, STOPPED = 0, 1, 2, 130
# Problems that another request would not have; as HTTP says it.
STATUS_OF_WRONG_REQUESTS = {404, 413, 422}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (default: the process's); returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    screen = Screen()
    try:
        options = parse(given)
    except SplatsmithError as error:
        screen.complain(error)
        return ASKED_WRONGLY
    level = logging.DEBUG if options.debug else options.log_level
    logging.basicConfig(level=level, format="%(asctime)s %(name)s: %(message)s")
    if options.debug:
        return options.run(options, screen)
    return _run(options, screen)


def _run(options: argparse.Namespace, screen: Screen) -> int:
    try:
        return options.run(options, screen)
    except Cancelled:
        screen.say("Stopped; nothing was written.")
        return STOPPED
    except Exception as fault:  # noqa: BLE001  a person reads this, not a programmer
        known = explain(fault)
        if known is None:
            known = SplatsmithError(
                f"The program has a fault: {type(fault).__name__}: {fault}.",
                "Run it again with --debug to see where, and please report it.",
            )
        screen.complain(known)
        return ASKED_WRONGLY if known.status in STATUS_OF_WRONG_REQUESTS else FAILED
