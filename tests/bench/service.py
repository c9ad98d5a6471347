"""The service: what a request, an event and an idle hour cost."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from splatsmith.contract.wire import JobEvent
from tests.backend.service.service_process import (
    RunningService,
    lattice,
    running_service,
    wait_for,
)

from .figure import Figure

REQUESTS = 50
IDLE_SECONDS = 20.0
MS = 1000.0
# `splatsmith serve` with sockets that refuse TCP_NODELAY.
WITH_DELAY = """
import socket, sys

class DelayedSocket(socket.socket):
    def setsockopt(self, level, option, *value):
        if (level, option) != (socket.IPPROTO_TCP, socket.TCP_NODELAY):
            super().setsockopt(level, option, *value)

socket.socket = DelayedSocket
from splatsmith.cli import main
sys.exit(main())
"""


def figures() -> Iterator[Figure]:
    """Latencies in this process's view, and processor time of an idle service with a listener."""
    with tempfile.TemporaryDirectory() as folder:
        with running_service(Path(folder, "delayed"), program=("-c", WITH_DELAY)) as service:
            settle(service)
            delayed = median_ms(lambda: service.http.get("/v1/health"))
            yield Figure("GET /v1/health, kept alive, without TCP_NODELAY", delayed, "ms")
        with running_service(Path(folder, "data")) as service:
            settle(service)
            direct = median_ms(lambda: service.http.get("/v1/health"))
            yield Figure("GET /v1/health, kept alive", direct, "ms", delayed)
            yield from event_latencies(service)
            yield from idle_time(service)


def event_latencies(service: RunningService) -> Iterator[Figure]:
    """From the start of a request that queues a job, and from its answer, to the job's event."""
    running = service.post_job(lattice(steps=10_000, pause=0.1))
    service.wait_until_generating(running.id)
    since_request: list[float] = []
    since_response: list[float] = []
    with service.events() as events:
        for _ in range(REQUESTS):
            start = time.perf_counter()
            job = service.post_job(lattice())
            answered = time.perf_counter()
            for event in events:
                if isinstance(event.payload, JobEvent) and event.payload.job.id == job.id:
                    break
            since_request.append(MS * (time.perf_counter() - start))
            since_response.append(MS * (time.perf_counter() - answered))
            service.http.delete(f"/v1/jobs/{job.id}")
    service.http.delete(f"/v1/jobs/{running.id}")
    yield Figure("event after POST /v1/jobs was sent", statistics.median(since_request), "ms")
    yield Figure("event after its answer", statistics.median(since_response), "ms")


def idle_time(service: RunningService) -> Iterator[Figure]:
    """Processor seconds of service and worker while nothing happens and one client listens."""
    settle(service)
    processes = {
        "service": psutil.Process(service.process.pid),
        "worker": service.worker(),
    }
    with service.events() as events:
        next(events)
        before = {name: seconds(process) for name, process in processes.items()}
        time.sleep(IDLE_SECONDS)
        for name, process in processes.items():
            used = seconds(process) - before[name]
            yield Figure(f"processor time of the idle {name} in {IDLE_SECONDS:g} s", used, "s", 0.1)


def settle(service: RunningService) -> None:
    """Wait until the worker has warmed up, and nothing is left to do."""
    service.run(lattice())
    worker = service.worker()

    def is_idle() -> bool:
        before = seconds(worker)
        time.sleep(1.0)
        return seconds(worker) == before

    wait_for(is_idle, bool)


def median_ms(call: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(REQUESTS):
        start = time.perf_counter()
        call()
        times.append(MS * (time.perf_counter() - start))
    return statistics.median(times)


def seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
