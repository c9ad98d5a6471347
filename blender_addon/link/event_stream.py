"""Receives the service's events (GET /v1/events) on a thread of its own."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Protocol

from ..contract.event_stream import decode_events
from ..contract.problems import SplatsmithError
from ..contract.wire import EventPayload
from .address import Address
from .client import Client, translated_errors
from .errors import ServiceUnreachable

if TYPE_CHECKING:
    import requests  # as in `client`

SILENCE_SECONDS = 45.0  # three heartbeats of the service: the connection is dead
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds before the first and the later reconnections
CLOSE_SECONDS = 2.0
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a CR at the end of a chunk may begin a CR LF


class EventHandler(Protocol):
    """What a stream calls, on its own thread."""

    def on_open(self) -> None:
        """The stream is open, for the first time or again."""
        ...

    def on_event(self, event: EventPayload) -> None: ...

    def on_lost(self, error: SplatsmithError) -> None:
        """The connection failed. Called once until the stream is open again."""
        ...


class EventStream:
    """Receives events until it is closed, and reconnects with growing delays.

    Raises:
        InvalidAddress: see `Address.check`.
    """

    def __init__(self, address: Address, handler: EventHandler) -> None:
        self._client = Client(address)
        self._handler = handler
        self._last_id = ""
        self._delay = FIRST_DELAY
        self._closing = Event()
        self._lock = Lock()
        self._response: requests.Response | None = None  # while it is being read
        self._thread = Thread(target=self._run, name="splatsmith-events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop receiving; does not wait for the service to send something."""
        self._closing.set()
        with self._lock:
            if self._response is not None:
                _shut_down(self._response)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        is_lost = False
        while not self._closing.is_set():
            try:
                with self._open() as response:
                    self._handler.on_open()
                    is_lost = False
                    self._receive(response)
                error = ServiceUnreachable("The backend does not answer.", "Start it again.")
            except SplatsmithError as caught:
                error = caught
            except (ValueError, KeyError):  # of an event's data, or of a socket under `close`
                error = ServiceUnreachable("The backend sent no valid event.", "Start it again.")
            if not is_lost and not self._closing.is_set():
                self._handler.on_lost(error)
                is_lost = True
            self._closing.wait(self._delay)
            self._delay = min(2 * self._delay, LONGEST_DELAY)
        self._client.close()

    @contextmanager
    def _open(self) -> Iterator[requests.Response]:
        with self._client.open_events(self._last_id, SILENCE_SECONDS) as response:
            with self._lock:
                self._response = response
            try:
                yield response
            finally:
                with self._lock:
                    self._response = None

    def _receive(self, response: requests.Response) -> None:
        """Handle events until the stream ends.

        Raises:
            ServiceUnreachable: the connection broke.
            InvalidRequest: the service sent an event that is none.
        """
        # Chunks arrive as they are sent. Without chunks only single bytes are not waited for.
        size = None if response.raw.chunked else 1
        with translated_errors():
            for event in decode_events(_lines(response.iter_content(size))):
                self._delay = FIRST_DELAY
                if self._closing.is_set():
                    return
                if event is not None:  # a heartbeat
                    self._last_id = event.id
                    self._handler.on_event(event.payload)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *lines, rest = _LINE_END.split(rest + chunk)
        for line in lines:
            yield line.decode("utf-8", "replace")


def _shut_down(response: requests.Response) -> None:
    """End the connection under a thread that is reading it, which `close` does not do."""
    connection = getattr(response.raw, "connection", None)
    if connection is not None and connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
