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
from dataclasses import dataclass, replace

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ..contract.event_stream import HEARTBEAT, MEDIA_TYPE, encode_event
from ..contract.wire import EventPayload, JobEvent

log = logging.getLogger(__name__)

MAX_HISTORY = 500  # events
MAX_QUEUED = 250  # events that a client may be behind before it is disconnected
HEARTBEAT_SECONDS = 15.0


class Subscription:
    """The events for one client: from the publishing threads to the event loop of its response."""

    def __init__(self, first: list[str], loop: asyncio.AbstractEventLoop) -> None:
        self.has_overflowed = asyncio.Event()
        self._loop = loop
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        for text in first:
            self._queue.put_nowait(text)
        self._limit = len(first) + MAX_QUEUED

    def put(self, text: str | None) -> None:
        """Queue an event, or None for the end of the stream. Callable from any thread."""
        self._loop.call_soon_threadsafe(self._put, text)

    async def stream(self) -> AsyncIterator[str]:
        """The events as they come, and heartbeats in between."""
        while (text := await self._next()) is not None:
            yield text

    async def _next(self) -> str | None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                return await self._queue.get()
        except TimeoutError:
            return HEARTBEAT

    def _put(self, text: str | None) -> None:
        if self._queue.qsize() < self._limit:
            self._queue.put_nowait(text)
        else:
            self.has_overflowed.set()


@dataclass(frozen=True)
class _NumberedEvent:
    number: int
    payload: EventPayload


class EventBus:
    """Publishes events to subscriptions. Thread-safe."""

    def __init__(self) -> None:
        self._instance = secrets.token_hex(4)
        self._number = 0
        self._history: deque[_NumberedEvent] = deque(maxlen=MAX_HISTORY)
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()

    @property
    def has_subscribers(self) -> bool:
        return bool(self._subscriptions)

    def publish(self, payload: EventPayload) -> None:
        with self._lock:
            self._number += 1
            self._history.append(_NumberedEvent(self._number, _without_preview(payload)))
            text = self._encode(_NumberedEvent(self._number, payload))
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
            events = self._events_after(last_event_id)
            if events is None:
                events = [_NumberedEvent(self._number, snapshot())]
            subscription = Subscription([self._encode(event) for event in events], loop)
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

    def _events_after(self, event_id: str) -> list[_NumberedEvent] | None:
        """The events since then; None if they are not all kept, or the id is not of this bus."""
        instance, _, number = event_id.rpartition("-")
        if instance != self._instance or not number.isdecimal():
            return None
        oldest = self._number - len(self._history)
        if not oldest <= int(number) <= self._number:
            return None
        return [event for event in self._history if event.number > int(number)]

    def _encode(self, event: _NumberedEvent) -> str:
        return encode_event(f"{self._instance}-{event.number}", event.payload)


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
