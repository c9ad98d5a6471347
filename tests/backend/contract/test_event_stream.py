"""Server-sent events: what is encoded is decoded, and nothing in a payload can break the stream."""

from __future__ import annotations

import pytest

from splatsmith.contract.checkpoints import CheckpointState, CheckpointStatus
from splatsmith.contract.event_stream import (
    HEARTBEAT,
    ServiceEvent,
    decode_events,
    encode_event,
)
from splatsmith.contract.problems import InvalidRequest, Problem
from splatsmith.contract.protocol import Health, JobKind, JobState, JobStatus
from splatsmith.contract.wire import (
    EVENT_TYPES,
    MAX_PREVIEW_BYTES,
    EventPayload,
    HealthEvent,
    JobDeletedEvent,
    JobEvent,
    PreviewImage,
    SnapshotEvent,
    WeightsEvent,
)

HEALTH = Health(1, "0.1.0", "stopped", "", Problem("internal", "Oh", "It is so.", "Wait."))
JOB = JobStatus(
    "1", JobKind.GENERATE, JobState.QUEUED, "a\nb\r\u2028\x85: ‘ü’", {"prompt": "data: x\n\n"}, 1.5
)
CHECKPOINTS = (CheckpointStatus("c", CheckpointState.PARTIAL, 3, 2, True),)
PAYLOADS: list[EventPayload] = [
    SnapshotEvent(HEALTH, CHECKPOINTS, (JOB,)),
    JobEvent(JOB),
    JobEvent(JOB, PreviewImage("image/png", "aGVsbG8=")),
    JobDeletedEvent("1"),
    WeightsEvent(CHECKPOINTS),
    HealthEvent(HEALTH),
]


def test_events_are_decoded_as_they_were_encoded() -> None:
    text = "".join(encode_event(f"a-{i}", payload) for i, payload in enumerate(PAYLOADS))

    events = list(decode_events(text.splitlines()))

    assert events == [ServiceEvent(f"a-{i}", payload) for i, payload in enumerate(PAYLOADS)]
    assert {type(payload) for payload in PAYLOADS} == set(EVENT_TYPES.values())


def test_comments_are_none_and_unknown_events_are_left_out() -> None:
    text = f"{HEARTBEAT}id: 1\nevent: novelty\ndata: ?\n\n{encode_event('2', JobDeletedEvent('x'))}"

    assert list(decode_events(text.splitlines())) == [
        None,
        ServiceEvent("2", JobDeletedEvent("x")),
    ]


def test_cut_off_event_is_not_decoded() -> None:
    text = encode_event("1", JobDeletedEvent("x"))

    assert list(decode_events(text.splitlines()[:-1])) == []


def test_preview_is_limited() -> None:
    assert PreviewImage("image/png", "aGVsbG8=").content == b"hello"
    with pytest.raises(InvalidRequest, match="too large"):
        PreviewImage("image/jpeg", "A" * (4 * MAX_PREVIEW_BYTES // 3 + 8))
    with pytest.raises(InvalidRequest, match="text/html"):
        PreviewImage("text/html", "")
