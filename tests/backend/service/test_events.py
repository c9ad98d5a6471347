"""GET /v1/events: what changes arrives, whoever changes it; streams resume, and end."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from PIL import Image

from splatsmith.contract.event_stream import ServiceEvent
from splatsmith.contract.jsonable import to_json
from splatsmith.contract.protocol import MAX_PROMPT_CHARACTERS, JobState, JobStatus
from splatsmith.contract.wire import (
    MAX_PREVIEW_BYTES,
    HealthEvent,
    JobDeletedEvent,
    JobEvent,
    SnapshotEvent,
)
from tests.backend.service.service_process import RunningService, lattice, running_service

STEPS = {"steps": 4, "pause": 0.1}


def until(
    events: Iterator[ServiceEvent], reached: Callable[[ServiceEvent], bool]
) -> list[ServiceEvent]:
    """The events up to the first for which `reached` holds."""
    seen: list[ServiceEvent] = []
    for event in events:
        seen.append(event)
        if reached(event):
            return seen
    raise AssertionError(f"the stream ended after {seen}")


def is_end_of(job_id: str) -> Callable[[ServiceEvent], bool]:
    return lambda event: any(job.state.is_final for job in jobs_in([event], job_id))


def jobs_in(events: list[ServiceEvent], job_id: str) -> list[JobStatus]:
    payloads = (event.payload for event in events)
    return [each.job for each in payloads if isinstance(each, JobEvent) and each.job.id == job_id]


def numbers(events: list[ServiceEvent]) -> list[int]:
    return [int(event.id.rpartition("-")[2]) for event in events]


def is_idle(event: ServiceEvent) -> bool:
    return isinstance(event.payload, HealthEvent) and event.payload.health.worker == "idle"


def test_first_event_is_a_snapshot_of_everything(service: RunningService) -> None:
    job = service.run(lattice(steps=1))

    with service.events() as events:
        payload = next(events).payload

    assert isinstance(payload, SnapshotEvent)
    assert to_json(payload.health) == service.http.get("/v1/health").json()
    assert to_json(payload.checkpoints) == service.http.get("/v1/weights").json()
    assert payload.jobs[0] == job


def test_a_job_s_changes_arrive_in_order(service: RunningService) -> None:
    with service.events() as events:
        snapshot = next(events)
        job = service.post_job(lattice(**STEPS))
        seen = until(events, is_end_of(job.id))
        service.http.delete(f"/v1/jobs/{job.id}")
        (*_, deletion) = until(events, lambda event: event.payload == JobDeletedEvent(job.id))

    found = jobs_in(seen, job.id)
    states = [JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED]
    # A job may run before the event of its queueing is made, which then is that of its start.
    assert list(dict.fromkeys(each.state for each in found)) in (states, states[1:])
    assert "Generating" in {each.stage for each in found}
    assert all(a.progress <= b.progress for a, b in pairwise(found))
    assert found[-1].artifacts
    ids = numbers([snapshot, *seen, deletion])
    assert ids[:-1] == list(range(ids[0], ids[0] + len(seen) + 1))


def test_worker_states_arrive(service: RunningService) -> None:
    with service.events() as events:
        next(events)
        service.post_job(lattice(**STEPS))
        seen = until(events, is_idle)  # before or after the job's end

    states = [e.payload.health.worker for e in seen if isinstance(e.payload, HealthEvent)]
    assert states == ["busy", "idle"]


def test_stream_resumes_after_the_last_event(service: RunningService) -> None:
    with service.events() as events:
        next(events)
        job = service.post_job(lattice(**STEPS))
        last = until(events, lambda event: bool(jobs_in([event], job.id)))[-1]
    done = service.wait(job.id)

    with service.events(last.id) as events:
        seen = until(events, is_end_of(job.id))

    assert numbers(seen)[0] == numbers([last])[0] + 1
    assert not any(isinstance(event.payload, SnapshotEvent) for event in seen)
    assert jobs_in(seen, job.id)[-1] == done


@pytest.mark.parametrize(
    "last_event_id",
    ["x", "12", "deadbeef-1", "{instance}-99999", "{instance}-" + 5000 * "9", "-", "’-1"],
)
def test_unknown_last_event_id_gets_a_snapshot(service: RunningService, last_event_id: str) -> None:
    with service.events() as events:
        instance = next(events).id.partition("-")[0]
    given = last_event_id.format(instance=instance).encode()

    with service.http.stream("GET", "/v1/events", headers=[(b"Last-Event-ID", given)]) as response:
        lines = response.iter_lines()
        next(lines)
        assert next(lines) == "event: snapshot"


def test_changes_by_another_service_arrive(data: Path) -> None:
    with running_service(data) as first, running_service(data) as second:
        with first.events() as events:
            next(events)
            job = second.post_job(lattice(**STEPS))
            seen = until(events, is_end_of(job.id))
            second.http.delete(f"/v1/jobs/{job.id}")
            until(events, lambda event: event.payload == JobDeletedEvent(job.id))

        assert jobs_in(seen, job.id)[-1].state is JobState.SUCCEEDED


def test_previews_come_with_a_job_s_events_and_only_once(service: RunningService) -> None:
    with service.events() as events:
        start = next(events)
        job = service.post_job(lattice(**STEPS, previews=True))
        seen = until(events, is_end_of(job.id))
    with service.events(start.id) as events:
        again = until(events, is_end_of(job.id))

    payloads = [event.payload for event in seen]
    previews = [each.preview for each in payloads if isinstance(each, JobEvent) and each.preview]
    assert 2 <= len(previews) <= STEPS["steps"]
    for preview in previews:
        assert len(preview.content) <= MAX_PREVIEW_BYTES
        with Image.open(BytesIO(preview.content)) as image:
            assert (image.size, image.get_format_mimetype()) == ((256, 256), preview.media_type)
    assert [replace(e.payload, preview=None) for e in seen if isinstance(e.payload, JobEvent)] == [
        event.payload for event in again if isinstance(event.payload, JobEvent)
    ]


def test_slow_client_is_disconnected_and_can_resume(service: RunningService) -> None:
    url = httpx.URL(service.connection.url)
    with closing(socket.create_connection((url.host, url.port))) as slow:
        slow.sendall(
            f"GET /v1/events HTTP/1.1\r\nHost: {url.host}\r\n"
            f"Authorization: Bearer {service.connection.token}\r\n\r\n".encode()
        )
        long = replace(lattice(steps=1000, pause=0.01), prompt="x" * MAX_PROMPT_CHARACTERS)
        job = service.post_job(long)
        # Its events have 200 kB each. Nothing is read until they exceed every buffer on the way.
        service.wait(job.id)
        received = b"".join(iter(lambda: slow.recv(1 << 20), b""))  # until it is disconnected

    assert b"event: snapshot" in received
    assert b'"state": "succeeded"' not in received.partition(b"event: job\n")[2]
    assert not received.endswith(b"0\r\n\r\n")  # the end of a complete response
    last_id = received.rpartition(b"\nid: ")[2].partition(b"\n")[0].decode()
    with service.events(last_id) as events:
        payload = next(events).payload
    assert isinstance(payload, (SnapshotEvent, JobEvent))


def test_stream_ends_with_the_service(data: Path) -> None:
    with running_service(data) as service, service.events() as events:
        next(events)
        service.process.terminate()

        list(events)  # complete, or httpx raises

        assert service.process.wait(60) == 0
