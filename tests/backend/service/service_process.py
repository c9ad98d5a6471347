"""Starts real services, with their real workers, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
from PIL import Image

import splatsmith
from splatsmith.contract.event_stream import ServiceEvent, decode_events
from splatsmith.contract.jsonable import from_json, to_json
from splatsmith.contract.protocol import GenerateRequest, JobState, JobStatus, Product
from splatsmith.contract.wire import ConnectionInfo

T = TypeVar("T")

BACKEND = Path(splatsmith.__file__).parents[1]
ROOT = Path(__file__).parents[3]
LATTICE = "tests.backend.engines.lattice"
MOSAIC = "tests.backend.engines.mosaic"
MENAGERIE = "tests.backend.engines.menagerie"
QUARRY = "tests.backend.engines.quarry"
TEST_ENGINES = ",".join((LATTICE, MOSAIC, MENAGERIE, QUARRY))
WAIT_TIMEOUT = 240.0  # seconds: a first compilation of extraction takes two minutes
POLL = 0.02


def environment() -> dict[str, str]:
    """The environment variables of a backend with the test engines."""
    path = os.pathsep.join(map(str, (BACKEND, ROOT)))
    return {**os.environ, "PYTHONPATH": path, "SPLATSMITH_ENGINES": TEST_ENGINES}


@dataclass
class RunningService:
    """The service's process, its address, and an HTTP client with its token."""

    process: subprocess.Popen[bytes]
    connection: ConnectionInfo
    state_file: Path
    http: httpx.Client
    data: Path

    def upload_picture(self, picture: Image.Image) -> str:
        """The upload's id."""
        buffer = BytesIO()
        picture.save(buffer, "PNG")
        response = self.http.post("/v1/images", content=buffer.getvalue())
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def post_job(self, request: GenerateRequest, **headers: str) -> JobStatus:
        body = {"kind": "generate", "request": to_json(request)}
        response = self.http.post("/v1/jobs", json=body, headers=headers)
        assert response.status_code == 202, response.text
        return from_json(JobStatus, response.json())

    def job(self, job_id: str) -> JobStatus:
        response = self.http.get(f"/v1/jobs/{job_id}")
        assert response.status_code == 200, response.text
        return from_json(JobStatus, response.json())

    def wait(self, job_id: str, until: Callable[[JobStatus], bool] | None = None) -> JobStatus:
        """The job once `until` holds, by default once it is final."""
        reached = until or (lambda job: job.state.is_final)
        return wait_for(lambda: self.job(job_id), reached)

    def run(self, request: GenerateRequest) -> JobStatus:
        return self.wait(self.post_job(request).id)

    def wait_until_generating(self, job_id: str) -> JobStatus:
        """The job once its engine generates."""
        job = self.wait(job_id, lambda job: job.stage == "Generating" or job.state.is_final)
        assert job.state is JobState.RUNNING, job
        return job

    def worker(self) -> psutil.Process:
        """The worker's process, once there is one."""
        service = psutil.Process(self.process.pid)
        return wait_for(service.children, lambda found: len(found) == 1)[0]

    def files_of(self, job_id: str) -> list[Path]:
        return [path for path in (self.data / "jobs" / job_id).rglob("*") if path.is_file()]

    @contextmanager
    def events(self, last_event_id: str = "") -> Iterator[Iterator[ServiceEvent]]:
        """The events of a new connection, as they come; heartbeats are left out."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        stream = self.http.stream("GET", "/v1/events", headers=headers, timeout=WAIT_TIMEOUT)
        with stream as response:
            assert response.status_code == 200
            yield (event for event in decode_events(response.iter_lines()) if event)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(WAIT_TIMEOUT)


def lattice(**parameters: object) -> GenerateRequest:
    """A request for the test engine; splats only, to be quick."""
    return GenerateRequest(
        prompt="a cube", engine="lattice", parameters=parameters, products=(Product.SPLATS,)
    )


@contextmanager
def running_service(
    data: Path,
    *arguments: str,
    cwd: Path | None = None,
    program: Sequence[str] = ("-m", "splatsmith"),
) -> Iterator[RunningService]:
    """A service on `data`, in a process group of its own; terminated and waited for at the end.

    If the tests are killed before that, it ends by itself: no signal reaches its group then.
    """
    state_file = data.with_name(f"{data.name}-{time.monotonic_ns()}.json")
    state_file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", *program, "serve", "--data-dir", str(data)]
    command += ["--state-file", str(state_file), "--device", "cpu"]
    command += ["--parent-pid", str(os.getpid()), *arguments]
    process = subprocess.Popen(command, env=environment(), cwd=cwd, start_new_session=True)
    try:
        wait_for(lambda: state_file.exists() or process.poll() is not None, bool)
        assert process.poll() is None, f"the service ended with {process.returncode}"
        connection = from_json(ConnectionInfo, json.loads(state_file.read_text(encoding="utf-8")))
        headers = {"Authorization": f"Bearer {connection.token}"}
        with httpx.Client(base_url=connection.url, headers=headers, timeout=30) as http:
            yield RunningService(process, connection, state_file, http, data)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(WAIT_TIMEOUT)


def wait_for(read: Callable[[], T], reached: Callable[[T], bool]) -> T:
    """Poll `read` until `reached` holds for its value; returns that."""
    deadline = time.monotonic() + WAIT_TIMEOUT
    while not reached(value := read()):
        assert time.monotonic() < deadline, f"still {value!r}"
        time.sleep(POLL)
    return value


def has_exited(process: psutil.Process) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
