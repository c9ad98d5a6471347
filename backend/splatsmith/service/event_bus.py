"""Events for any number of clients: numbered, kept for a while, sent through bounded queues.

An event's id is "<instance>-<number>": the instance is random for each service process, the numbers
rise by one. A client that reconnects with the id of the last event that it has received gets those
that it missed, if they are still kept.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ..contract.event_stream import HEARTBEAT, MEDIA_TYPE, encode_event
from ..contract.wire import EventPayload, JobEvent

log = logging.getLogger(__name__)

MAX_HISTORY = 4 * 2**20  # characters of the events that are kept
MAX_QUEUED = 4 * 2**20  # characters that a client may be behind before it is disconnected
HEARTBEAT_SECONDS = 15.0
_MAX_DIGITS = 18  # of an event's number


class Subscription:
    """The events for one client: from the publishing threads to the event loop of its response."""

    def __init__(self, first: list[str], loop: asyncio.AbstractEventLoop) -> None:
        self.has_overflowed = asyncio.Event()
        self._first = first
        self._loop = loop
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queued = 0  # characters

    def put(self, text: str | None) -> None:
        """Queue an event, or None for the end of the stream. Callable from any thread."""
        self._loop.call_soon_threadsafe(self._put, text)

    async def stream(self) -> AsyncIterator[str]:
        """The events as they come, and heartbeats in between."""
        for text in self._first:
            yield text
        while (text := await self._next()) is not None:
            yield text

    async def _next(self) -> str | None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                text = await self._queue.get()
        except TimeoutError:
            return HEARTBEAT
        self._queued -= len(text or "")
        return text

    def _put(self, text: str | None) -> None:
        self._queued += len(text or "")
        if self._queued <= MAX_QUEUED:
            self._queue.put_nowait(text)
        else:
            self.has_overflowed.set()


class _History:
    """The texts of the last events, of MAX_HISTORY characters at most."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque()
        self._size = 0
        self.last = 0  # number of the last event

    def append(self, text: str) -> None:
        self.last += 1
        self._texts.append(text)
        self._size += len(text)
        while self._size > MAX_HISTORY:
            self._size -= len(self._texts.popleft())

    def after(self, number: int) -> list[str] | None:
        """The events after that number; None if they are not all kept, or the number is wrong."""
        count = self.last - number
        if not 0 <= count <= len(self._texts):
            return None
        return list(self._texts)[len(self._texts) - count :]


class EventBus:
    """Publishes events to subscriptions. Thread-safe."""

    def __init__(self) -> None:
        self._instance = secrets.token_hex(4)
        self._history = _History()
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()

    @property
    def has_subscribers(self) -> bool:
        return bool(self._subscriptions)

    def publish(self, payload: EventPayload) -> None:
        with self._lock:
            number = self._history.last + 1
            text = self._encode(number, payload)
            kept = _without_preview(payload)
            self._history.append(text if kept is payload else self._encode(number, kept))
            for subscription in self._subscriptions:
                subscription.put(text)

    def subscribe(
        self,
        last_event_id: str,
        snapshot: Callable[[], EventPayload],
        loop: asyncio.AbstractEventLoop,
    ) -> Subscription:
        """A subscription to be read in `loop`; it starts with the events after `last_event_id`.

        Where these are not all kept it starts with `snapshot()`, the state of everything.
        """
        with self._lock:
            first = self._events_after(last_event_id)
            if first is None:
                first = [self._encode(self._history.last, snapshot())]
            subscription = Subscription(first, loop)
            self._subscriptions.add(subscription)
            return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)

    def end_streams(self) -> None:
        """Complete the responses of all subscriptions."""
        with self._lock:
            for subscription in self._subscriptions:
                subscription.put(None)

    def _events_after(self, event_id: str) -> list[str] | None:
        instance, _, number = event_id.rpartition("-")
        if instance != self._instance or not number.isdecimal() or len(number) > _MAX_DIGITS:
            return None
        return self._history.after(int(number))

    def _encode(self, number: int, payload: EventPayload) -> str:
        return encode_event(f"{self._instance}-{number}", payload)


class EventStreamResponse(StreamingResponse):
    """A subscription's events as the body of a response that ends when the client goes.

    A client that reads too slowly is disconnected. It may reconnect and resume.
    """

    def __init__(self, subscription: Subscription, bus: EventBus) -> None:
        super().__init__(
            subscription.stream(), headers={"Cache-Control": "no-store"}, media_type=MEDIA_TYPE
        )
        self._subscription = subscription
        self._bus = bus

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._bus.unsubscribe(self._subscription)

    async def listen_for_disconnect(self, receive: Receive) -> None:
        """Return when the body is to be given up: also where `send` waits for a slow client."""
        reasons = [
            asyncio.ensure_future(super().listen_for_disconnect(receive)),
            asyncio.ensure_future(self._subscription.has_overflowed.wait()),
        ]
        try:
            await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
            if self._subscription.has_overflowed.is_set():
                log.warning("a client reads its events too slowly; it is disconnected")
        finally:
            for reason in reasons:
                reason.cancel()


def _without_preview(payload: EventPayload) -> EventPayload:
    """The payload to keep: previews are large, and stale when a client comes back."""
    has_preview = isinstance(payload, JobEvent) and payload.preview
    return replace(payload, preview=None) if has_preview else payload
