"""Runs the service: its composition root, listener, signals and state file."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import psutil
import uvicorn
from fastapi import FastAPI

from .. import __version__
from ..contract.jsonable import to_json
from ..contract.problems import InvalidRequest
from ..contract.protocol import PROTOCOL_VERSION
from ..contract.wire import ConnectionInfo
from ..files import atomic_write
from .app import ServiceContext, create_app
from .artifacts import DataDirectory
from .change_notifier import ChangeNotifier
from .event_publisher import EventPublisher
from .job_store import JobStore
from .process_identity import ProcessIdentity
from .scheduler import Scheduler, compute_worker, conversion_worker, download_worker
from .security import LOOPBACK_NAMES, AccessPolicy

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
MAX_PORT = 65_535
PARENT_POLL = 1.0  # seconds
GRACEFUL_SHUTDOWN = 3  # seconds that open requests have when the service ends


@dataclass(frozen=True)
class ServeOptions:
    """How to serve. Port 0 takes a free one; the service ends with the process `parent`."""

    data: Path
    device: str = "auto"
    listen: str = LOOPBACK
    port: int = 0
    state_file: Path | None = None
    parent: int | None = None


def serve(options: ServeOptions, on_listening: Callable[[ConnectionInfo], None]) -> None:
    """Serve until a signal arrives or the parent ends; `on_listening` is called once it listens.

    Raises:
        InvalidRequest: the address cannot be listened on, or there is no such parent.
        StorageFull: the data folder cannot be written.
    """
    parent = _parent_identity(options.parent)
    policy = AccessPolicy(LOOPBACK_NAMES if options.listen in LOOPBACK_NAMES else frozenset())
    with _listener(options) as listener, _open_context(options) as context:
        server = _Server(create_app(context, policy), context.events)
        _install_signal_handlers(server)
        if parent:
            _stop_with_parent(parent, server)
        connection = _connection_info(options.listen, listener.getsockname()[1], policy)
        with _state_file(options.state_file, connection):
            on_listening(connection)
            server.run(sockets=[listener])


def _parent_identity(pid: int | None) -> ProcessIdentity | None:
    try:
        return None if pid is None else ProcessIdentity.of(pid)
    except psutil.NoSuchProcess:
        raise InvalidRequest(
            f"There is no process {pid} to end with.", "Name a running one, or leave it out."
        ) from None


@contextmanager
def _open_context(options: ServeOptions) -> Iterator[ServiceContext]:
    files = DataDirectory(options.data)
    notifier = ChangeNotifier()
    store = JobStore(files.root / "jobs.sqlite", notifier)
    try:
        files.remove_orphans(store.job_ids(), store.upload_ids())
        events = EventPublisher(store, notifier)
        new_scheduler = partial(
            Scheduler, store, files, notifier=notifier, on_preview=events.set_preview
        )
        yield ServiceContext(
            store,
            files,
            new_scheduler(compute_worker(options.device)),
            new_scheduler(download_worker()),
            new_scheduler(conversion_worker()),
            events,
        )
    finally:
        store.close()


def _listener(options: ServeOptions) -> socket.socket:
    if not 0 <= options.port <= MAX_PORT:
        raise InvalidRequest(
            f"The port {options.port} does not lie between 0 and {MAX_PORT}.",
            "Choose another one; 0 takes any that is free.",
        )
    family = socket.AF_INET6 if ":" in options.listen else socket.AF_INET
    try:
        listener = socket.create_server((options.listen, options.port), family=family)
        # Inherited by its connections. A response is sent in two writes, and without this the
        # second one waits for the client's delayed acknowledgement of the first: 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no address"
        raise InvalidRequest(
            f"{options.listen} port {options.port} cannot be listened on: {reason}.",
            "Leave the port out, and a free one is taken.",
        ) from error


class _Server(uvicorn.Server):
    """uvicorn, but it ends the event streams before it waits for open responses to complete, and
    wakes once a second instead of ten times."""

    def __init__(self, app: FastAPI, events: EventPublisher) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACEFUL_SHUTDOWN,
            )
        )
        self._events = events
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_requested = asyncio.Event()

    def stop(self) -> None:
        """Shut down soon. Callable from any thread, and from a signal handler."""
        self.should_exit = True
        if self._loop:
            self._loop.call_soon_threadsafe(self._stop_requested.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.stop()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        tenths = 0
        while not await self.on_tick(tenths):  # refreshes the header Date
            tenths += 10
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop_requested.wait(), 1.0)
        self._loop = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._events.end_streams()
        await super().shutdown(sockets)


def _install_signal_handlers(server: _Server) -> None:
    """Own handlers, because uvicorn raises the signal again after its shutdown."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _stop_with_parent(parent: ProcessIdentity, server: _Server) -> None:
    def watch() -> None:
        while parent.is_alive():
            time.sleep(PARENT_POLL)
        log.info("process %d has ended, and so does the service", parent.pid)
        server.stop()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _connection_info(listen: str, port: int, policy: AccessPolicy) -> ConnectionInfo:
    host = LOOPBACK if listen == "0.0.0.0" else f"[{listen}]" if ":" in listen else listen
    return ConnectionInfo(
        f"http://{host}:{port}", policy.token, os.getpid(), PROTOCOL_VERSION, __version__
    )


@contextmanager
def _state_file(path: Path | None, connection: ConnectionInfo) -> Iterator[None]:
    """Keep `connection` in a file of mode 0600 while the service runs; written atomically."""
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        part.touch(mode=0o600, exist_ok=False)
        part.write_text(json.dumps(to_json(connection)), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
