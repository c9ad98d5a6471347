"""splatsmith serve: the HTTP service, in the foreground."""

from __future__ import annotations

import argparse

from ..contract.wire import ConnectionInfo
from ..service.server import ServeOptions, serve
from .console import ConsoleOutput


def run_serve(options: argparse.Namespace, console: ConsoleOutput) -> int:
    """Serve until a signal arrives."""

    def on_listening(connection: ConnectionInfo) -> None:
        console.print_status(f"Listening on {connection.url}; Ctrl+C stops.")
        if options.state_file is None:
            console.print_status(f"Token: {connection.token}")

    serve(
        ServeOptions(
            data=options.data_dir,
            device=options.device,
            listen=options.listen,
            port=options.port,
            state_file=options.state_file,
            parent=options.parent_pid,
        ),
        on_listening,
    )
    return 0
