"""The event stream: events as they are sent, connections that break, and a prompt end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from blender_addon.contract.event_stream import HEARTBEAT, encode_event
from blender_addon.contract.problems import SplatsmithError
from blender_addon.contract.protocol import Health
from blender_addon.contract.wire import EventPayload, HealthEvent, JobDeletedEvent
from blender_addon.link import event_stream
from blender_addon.link.address import Address
from blender_addon.link.event_stream import EventStream
from tests.addon.link.scripted_server import (
    TIMEOUT,
    Answer,
    ScriptedServer,
    chunks,
    page,
    unchunked,
)

pytestmark = pytest.mark.once

HEALTH = Health(1, "0", "idle", "a lamp – ü")
STREAM = "".join(
    [
        HEARTBEAT,
        encode_event("x-1", HealthEvent(HEALTH)),
        "id: x-2\nevent: novelty\ndata: {}\n\n",
        encode_event("x-3", JobDeletedEvent("7")),
    ]
)
EVENTS = [HealthEvent(HEALTH), JobDeletedEvent("7")]


@dataclass
class Recorder:
    """An event handler that keeps what it is called with, in order."""

    calls: queue.Queue[str | EventPayload | SplatsmithError] = field(default_factory=queue.Queue)

    def on_open(self) -> None:
        self.calls.put("open")

    def on_event(self, event: EventPayload) -> None:
        self.calls.put(event)

    def on_lost(self, error: SplatsmithError) -> None:
        self.calls.put(error)

    def next(self) -> str | EventPayload | SplatsmithError:
        return self.calls.get(timeout=TIMEOUT)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def stream(
    server: ScriptedServer, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EventStream]:
    """A started stream from the server, which reconnects quickly."""
    monkeypatch.setattr(event_stream, "FIRST_DELAY", 0.05)
    stream = EventStream(server.address, recorder)
    stream.start()
    yield stream
    stream.close()


def is_receiving() -> bool:
    return any(thread.name == "splatsmith-events" for thread in threading.enumerate())


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("answer", [chunks, unchunked])
def test_events_arrive_while_the_stream_goes_on(
    stream: EventStream,
    server: ScriptedServer,
    recorder: Recorder,
    line_end: str,
    size: int,
    answer: Callable[..., Answer],
) -> None:
    data = STREAM.replace("\n", line_end).encode() + b": more"
    server.answers.put(answer(*(data[i : i + size] for i in range(0, len(data), size))))
    assert [recorder.next() for _ in range(3)] == ["open", *EVENTS]
    assert server.requests[0]["Authorization"] == "Bearer secret"
    assert "Last-Event-ID" not in server.requests[0]


def test_stream_resumes_after_its_last_event(
    server: ScriptedServer, recorder: Recorder, stream: EventStream
) -> None:
    server.answers.put(chunks(encode_event("x-7", EVENTS[0]).encode(), ends=True))
    server.answers.put(page(503))
    server.answers.put(chunks(encode_event("x-8", EVENTS[1]).encode()))
    assert recorder.next() == "open" and recorder.next() == EVENTS[0]
    assert isinstance(recorder.next(), SplatsmithError)
    assert recorder.next() == "open", "a loss is reported once, however often it is tried again"
    assert recorder.next() == EVENTS[1]
    assert [r.get("Last-Event-ID") for r in server.requests] == [None, "x-7", "x-7"]


@pytest.mark.parametrize("data", ["nonsense", '{"id": 7}', "{}", "[]"])
def test_an_invalid_event_breaks_the_stream(
    server: ScriptedServer, recorder: Recorder, stream: EventStream, data: str
) -> None:
    server.answers.put(chunks(f"event: job-deleted\ndata: {data}\n\n".encode()))
    assert recorder.next() == "open"
    assert isinstance(recorder.next(), SplatsmithError)


@pytest.mark.parametrize("status", [200, 404, 502])
def test_another_programs_page_is_reported(
    server: ScriptedServer, recorder: Recorder, stream: EventStream, status: int
) -> None:
    server.answers.put(page(status))
    error = recorder.next()
    assert isinstance(error, SplatsmithError) and "answered" in str(error)


def test_close_ends_a_silent_stream(
    server: ScriptedServer, recorder: Recorder, stream: EventStream
) -> None:
    server.answers.put(chunks())
    assert recorder.next() == "open"
    stream.close()
    assert not is_receiving() and recorder.calls.empty()


def test_close_ends_a_stream_that_is_not_connected(recorder: Recorder) -> None:
    stream = EventStream(Address("http://127.0.0.1:9", "secret"), recorder)
    stream.start()
    assert isinstance(recorder.next(), SplatsmithError)
    stream.close()
    assert not is_receiving()
