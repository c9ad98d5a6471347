"""The service's HTTP interface, seen from Blender."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests

from ..contract.cards import EngineCard
from ..contract.checkpoints import CheckpointStatus
from ..contract.files import atomic_write
from ..contract.jsonable import from_json, to_json
from ..contract.problems import Problem, SplatsmithError
from ..contract.protocol import (
    PROTOCOL_VERSION,
    Artifact,
    Health,
    JobKind,
    JobStatus,
)
from ..contract.wire import REQUEST_TYPES, AnyRequest

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TIMEOUT = (5.0, 60.0)  # seconds to connect, and between two bytes
CHUNK = 1 << 20


class ServiceError(SplatsmithError):
    """Raised when the service refuses; carries the problem it sent."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, problem.remedy)
        self._problem = problem

    @property
    def problem(self) -> Problem:
        return self._problem


class ServiceUnreachable(SplatsmithError):
    """Raised when nobody answers at the service's address, or the answer breaks off."""

    code = "service-gone"
    title = "The backend does not answer"
    status = 503


@dataclass(frozen=True)
class Address:
    """Where a service listens, and the bearer token it wants."""

    url: str
    token: str


class Client:
    """One connection to a service; not for two threads at once."""

    def __init__(self, address: Address) -> None:
        self._url = address.url.rstrip("/") + "/v1"
        self._http = requests.Session()
        # A proxy set for the internet must neither see nor break what stays on this machine.
        self._http.trust_env = urlsplit(address.url).hostname not in LOOPBACK
        self._http.headers["Authorization"] = f"Bearer {address.token}"

    def close(self) -> None:
        self._http.close()

    def health(self) -> Health:
        """Who answers.

        Raises:
            ServiceUnreachable: nobody.
            ServiceError: it speaks another protocol version, or refuses the token.
        """
        answer = self._json("GET", "/health")
        if answer.get("protocol") != PROTOCOL_VERSION:
            raise ServiceError(_foreign_protocol(answer.get("protocol")))
        return from_json(Health, answer, "health")

    def engines(self) -> tuple[EngineCard, ...]:
        return from_json(tuple[EngineCard, ...], self._json("GET", "/engines"), "engines")

    def weights(self) -> tuple[CheckpointStatus, ...]:
        """What the backend's machine has of the engines' checkpoints."""
        kind = tuple[CheckpointStatus, ...]
        return from_json(kind, self._json("GET", "/weights"), "weights")

    def jobs(self) -> tuple[JobStatus, ...]:
        """The newest jobs, newest first."""
        return from_json(tuple[JobStatus, ...], self._json("GET", "/jobs"), "jobs")

    def job(self, job: str) -> JobStatus:
        return from_json(JobStatus, self._json("GET", f"/jobs/{job}"), "job")

    def upload_image(self, data: bytes) -> str:
        """Send a picture's file; returns the id to put into a request."""
        return self._upload("/images", data)

    def upload_cloud(self, path: Path) -> str:
        """Send a splat file; returns the id to put into a request.

        Raises:
            OSError: `path` cannot be read.
        """
        with path.open("rb") as file:
            return self._upload("/clouds", file)

    def submit(self, request: AnyRequest, key: str) -> JobStatus:
        """Submit a job. The same `key` again gives the same job, not a second one."""
        body = {"kind": job_kind(request).value, "request": to_json(request)}
        answer = self._json("POST", "/jobs", json=body, headers={"Idempotency-Key": key})
        return from_json(JobStatus, answer, "job")

    def cancel(self, job: str) -> None:
        self._send("POST", f"/jobs/{job}/cancel").close()

    def delete(self, job: str) -> None:
        self._send("DELETE", f"/jobs/{job}").close()

    def download(self, job: str, artifact: Artifact, folder: Path) -> Path:
        """Fetch an artifact into `folder`: whole and checked, or not at all.

        Raises:
            ServiceError: what arrived is not what was announced.
            OSError: `folder` cannot be written.
        """
        target = folder / Path(artifact.name).name
        if target.is_file() and target.stat().st_size == artifact.size_bytes:
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as part:
            if self._stream(f"/jobs/{job}/artifacts/{artifact.name}", part) != artifact.sha256:
                raise ServiceError(_damaged(artifact.name))
        return target

    def _upload(self, path: str, data: bytes | BinaryIO) -> str:
        kind = {"Content-Type": "application/octet-stream"}
        return self._json("POST", path, data=data, headers=kind)["id"]

    def _stream(self, path: str, target: Path) -> str:
        digest = hashlib.sha256()
        response = self._send("GET", path, stream=True)
        with response, target.open("wb") as file, _translate_connection_errors():
            for chunk in response.iter_content(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def _json(self, method: str, path: str, **options: Any) -> Any:
        with self._send(method, path, **options) as response:
            return response.json()

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        with _translate_connection_errors():
            response = self._http.request(method, self._url + path, timeout=TIMEOUT, **options)
        if response.ok:
            return response
        with response:
            raise ServiceError(_parse_problem(response))


def job_kind(request: AnyRequest) -> JobKind:
    """The kind of job that `request` asks for."""
    return next(kind for kind, known in REQUEST_TYPES.items() if type(request) is known)


@contextmanager
def _translate_connection_errors() -> Iterator[None]:
    try:
        yield
    except (requests.ConnectionError, requests.Timeout) as error:
        raise ServiceUnreachable("The backend does not answer.", "Start it again.") from error


def _parse_problem(response: requests.Response) -> Problem:
    try:
        body = response.json()
        return Problem(
            **{name: body[name] for name in ("code", "title", "detail")},
            remedy=body.get("remedy", ""),
            status=response.status_code,
        )
    except (ValueError, KeyError, TypeError):
        # Not our service's answer: a proxy's page, or something else on that port.
        return Problem(
            "foreign-answer",
            "This is not a Splatsmith backend",
            f"{response.url} answered {response.status_code} {response.reason}.",
            "Check the address in the preferences.",
            response.status_code,
        )


def _foreign_protocol(theirs: object) -> Problem:
    return Problem(
        "protocol-mismatch",
        "The versions do not fit",
        f"The backend speaks protocol {theirs}, this add-on {PROTOCOL_VERSION}.",
        "Update the older of the two.",
    )


def _damaged(name: str) -> Problem:
    return Problem(
        "damaged-download", "A download was damaged", f"{name} arrived damaged.", "Try again."
    )
