"""A running service: the one place where its parts are put together."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil
import uvicorn
from fastapi import FastAPI

from .. import __version__
from ..contract.jsonable import to_json
from ..contract.problems import InvalidRequest
from ..contract.protocol import PROTOCOL_VERSION
from ..contract.wire import Handover
from .app import House, create_app
from .artifacts import DataFolder
from .job_store import JobStore
from .process_identity import ProcessMark
from .scheduler import Supervisor, computing, downloading
from .security import LOOPBACK_NAMES, Guard

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
PARENT_POLL = 0.5  # seconds between two looks at the parent
LAST_CALLS = 3  # seconds that calls under way have when the service ends


@dataclass(frozen=True)
class ServeOptions:
    """How to serve. Port 0 takes a free one; a parent's death ends the service."""

    data: Path
    device: str = "auto"
    listen: str = LOOPBACK
    port: int = 0
    state_file: Path | None = None
    parent: int | None = None


def serve(options: ServeOptions, announce: Callable[[Handover], None]) -> None:
    """Serve until a signal, or the parent's end, says stop; `announce` is called once it listens.

    Raises:
        InvalidRequest: the address cannot be listened on, or there is no such parent.
        StorageFull: the data folder cannot be written.
    """
    parent = _parent(options.parent)
    guard = Guard(LOOPBACK_NAMES) if options.listen in LOOPBACK_NAMES else Guard(frozenset())
    with _listener(options) as listener, _house(options) as house:
        server = _server(create_app(house, guard))
        _obey_signals(server)
        if parent:
            _end_with(parent, server)
        handover = _handover(options.listen, listener.getsockname()[1], guard)
        with _state_file(options.state_file, handover):
            announce(handover)
            server.run(sockets=[listener])


def _parent(pid: int | None) -> ProcessMark | None:
    try:
        return None if pid is None else ProcessMark.of(pid)
    except psutil.NoSuchProcess:
        raise InvalidRequest(f"There is no process {pid} to end with.") from None


@contextmanager
def _house(options: ServeOptions) -> Iterator[House]:
    files = DataFolder(options.data)
    store = JobStore(files.root / "jobs.sqlite")
    try:
        orders = store.orders()
        uploads = {upload for order in orders.values() for upload in order.uploads().values()}
        files.sweep(orders.keys(), uploads)
        yield House(
            store,
            files,
            Supervisor(store, files, computing(options.device)),
            Supervisor(store, files, downloading()),
        )
    finally:
        store.close()


def _listener(options: ServeOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.listen else socket.AF_INET
    try:
        return socket.create_server((options.listen, options.port), family=family)
    except OSError as error:
        raise InvalidRequest(
            f"{options.listen} port {options.port} cannot be listened on: {error.strerror}.",
            "Leave the port out, and a free one is taken.",
        ) from error


def _server(app: FastAPI) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=LAST_CALLS,
        )
    )


def _obey_signals(server: uvicorn.Server) -> None:
    """uvicorn raises the signal that ended it once more; by then all is done."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _end_with(parent: ProcessMark, server: uvicorn.Server) -> None:
    def watch() -> None:
        while parent.is_alive():
            time.sleep(PARENT_POLL)
        log.info("process %d has ended, and so does the service", parent.pid)
        server.should_exit = True

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _handover(listen: str, port: int, guard: Guard) -> Handover:
    host = LOOPBACK if listen == "0.0.0.0" else f"[{listen}]" if ":" in listen else listen
    return Handover(
        f"http://{host}:{port}", guard.token, os.getpid(), PROTOCOL_VERSION, __version__
    )


@contextmanager
def _state_file(path: Path | None, handover: Handover) -> Iterator[None]:
    """Hold the handover in a file that only its owner can read: whole or not at all."""
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{handover.pid}")
    part.unlink(missing_ok=True)
    with open(part, "x", encoding="utf-8", opener=_private) as file:  # noqa: PTH123  has a mode
        json.dump(to_json(handover), file)
    part.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
