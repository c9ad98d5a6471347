"""Entry point. Exit codes: 0 done, 1 failed, 2 invalid request, 130 interrupted."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from ..contract.problems import SplatsmithError
from ..errors import Cancelled, internal_error, to_user_error
from .arguments import parse
from .console import ConsoleOutput

FAILED, INVALID, INTERRUPTED = 1, 2, 130
# HTTP statuses of problems with the request itself.
INVALID_REQUEST_STATUSES = {404, 413, 422}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (default: the process's); returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    console = ConsoleOutput()
    try:
        options = parse(given)
    except SplatsmithError as error:
        console.print_error(error)
        return INVALID
    level = logging.DEBUG if options.debug else options.log_level
    logging.basicConfig(level=level, format="%(asctime)s %(name)s: %(message)s")
    if options.debug:
        return options.run(options, console)
    return _run(options, console)


def _run(options: argparse.Namespace, console: ConsoleOutput) -> int:
    try:
        return options.run(options, console)
    except (Cancelled, KeyboardInterrupt):
        console.print_status("Stopped; nothing was written.")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  users get one sentence, not a traceback
        known = to_user_error(error) or internal_error(
            error, "Run it again with --debug to see where, and please report it."
        )
        console.print_error(known)
        return INVALID if known.status in INVALID_REQUEST_STATUSES else FAILED
