"""Server-sent events (WHATWG HTML, "Server-sent events"): their text form, written and read.

An event is a block of lines, ended by an empty one:

    id: 3f2a9c1e-41
    event: job
    data: {"job": {...}, "preview": null}

A line that starts with a colon is a comment; the service sends one when it has nothing else to say
for a while, so that both ends notice a lost connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .jsonable import from_json, to_json
from .wire import EVENT_TYPES, EventPayload

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = ": heartbeat\n\n"


@dataclass(frozen=True)
class ServiceEvent:
    """A decoded event. `id` goes into the header Last-Event-ID of the next connection."""

    id: str
    payload: EventPayload


def encode_event(event_id: str, payload: EventPayload) -> str:
    """The block of an event."""
    (name,) = (name for name, kind in EVENT_TYPES.items() if type(payload) is kind)
    data = json.dumps(to_json(payload))  # ASCII: no line break of Unicode ends a line too early
    return f"id: {event_id}\nevent: {name}\ndata: {data}\n\n"


def decode_events(lines: Iterable[str]) -> Iterator[ServiceEvent | None]:
    """The events in a stream of lines without their ends; None for each comment.

    Events of types that this version does not know are left out.

    Raises:
        InvalidRequest, ValueError: an event's data is not what its type says.
    """
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            yield None
        elif line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            if kind := EVENT_TYPES.get(fields.get("event", "")):
                payload = from_json(kind, json.loads(fields["data"]), fields["event"])
                yield ServiceEvent(fields.get("id", ""), payload)
            fields = {}
