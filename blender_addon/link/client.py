"""A client of the service's HTTP interface."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from ..contract.cards import EngineCard
from ..contract.event_stream import MEDIA_TYPE
from ..contract.files import atomic_write
from ..contract.jsonable import from_json, to_json
from ..contract.problems import Problem
from ..contract.protocol import (
    PROTOCOL_VERSION,
    Artifact,
    Health,
    JobKind,
    JobStatus,
)
from ..contract.splat_formats import SplatFormat
from ..contract.wire import REQUEST_TYPES, AnyRequest, JobSubmission
from .address import EXAMPLE, Address, InvalidAddress, InvalidProxy
from .errors import ServiceError, ServiceUnreachable

if TYPE_CHECKING:
    import requests  # which takes long: at run time only where a backend is asked

TIMEOUT = (5.0, 60.0)  # seconds to connect, and between two bytes
CHUNK = 1 << 20
PAGE_OF_JOBS = 200
NO_DATA: Mapping[str, object] = MappingProxyType({})


class Client:
    """One connection to a service. Not thread-safe.

    All methods raise `ServiceUnreachable` if the service does not answer, and `ServiceError` if it
    answers with a problem.

    Raises:
        InvalidAddress: see `Address.check`.
    """

    def __init__(self, address: Address) -> None:
        address.check()
        self.address = address
        self._url = address.url.rstrip("/") + "/v1"
        self._http = _new_http_session()
        # A proxy set for the internet must neither see nor break what stays on this machine.
        self._http.trust_env = not address.is_loopback
        self._http.headers["Authorization"] = f"Bearer {address.token}"

    def close(self) -> None:
        self._http.close()

    def health(self) -> Health:
        """The service's versions, and the state of its worker.

        Raises:
            ServiceError: it speaks another protocol version, or refuses the token.
        """
        answer = self._json("GET", "/health")
        protocol = answer.get("protocol") if isinstance(answer, dict) else None
        if protocol != PROTOCOL_VERSION:
            raise ServiceError(_other_protocol(protocol))
        return from_json(Health, answer, "health")

    def engines(self) -> tuple[EngineCard, ...]:
        return from_json(tuple[EngineCard, ...], self._json("GET", "/engines"), "engines")

    def job(self, job: str) -> JobStatus:
        return from_json(JobStatus, self._json("GET", f"/jobs/{job}"), "job")

    def jobs(self, before: str) -> tuple[JobStatus, ...]:
        """The next jobs that are older than the job `before`, newest first; empty at the end."""
        answer = self._json("GET", f"/jobs?limit={PAGE_OF_JOBS}&before={before}")
        return from_json(tuple[JobStatus, ...], answer, "jobs")

    def open_events(self, last_id: str, timeout: float) -> requests.Response:
        """The stream of events after the one called `last_id`, unread.

        timeout: seconds between two bytes; the service sends comments while nothing happens.
        """
        headers = {"Accept": MEDIA_TYPE, "Accept-Encoding": "identity"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        wait = (TIMEOUT[0], timeout)
        response = self._send("GET", "/events", headers=headers, stream=True, timeout=wait)
        if response.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
            return response
        with response:
            raise ServiceError(_foreign_answer(response))

    def upload_image(self, data: bytes) -> str:
        """Upload an image file; returns its id for a request."""
        return self._upload("/images", data)

    def upload_cloud(self, path: Path, file_format: SplatFormat | None = None) -> str:
        """Upload a splat file; returns its id for a request.

        Args:
            file_format: what it is, where its content does not say.

        Raises:
            OSError: `path` cannot be read.
        """
        query = f"?format={file_format.value}" if file_format else ""
        with path.open("rb") as file:
            return self._upload(f"/clouds{query}", file)

    def submit(
        self, request: AnyRequest, key: str, client_data: Mapping[str, object] = NO_DATA
    ) -> JobStatus:
        """Submit a job. The same `key` again gives the same job, not a second one.

        client_data: is found again in its status.
        """
        submission = JobSubmission(job_kind(request), _members(request), dict(client_data))
        body = to_json(submission)
        answer = self._json("POST", "/jobs", json=body, headers={"Idempotency-Key": key})
        return from_json(JobStatus, answer, "job")

    def cancel(self, job: str) -> None:
        self._send("POST", f"/jobs/{job}/cancel").close()

    def delete(self, job: str) -> None:
        """Delete a job, if it is still there."""
        try:
            self._send("DELETE", f"/jobs/{job}").close()
        except ServiceError as error:
            if error.problem.status != HTTPStatus.NOT_FOUND:
                raise

    def download(self, job: str, artifact: Artifact, folder: Path) -> Path:
        """Download an artifact into `folder`: complete and with the right hash, or not at all.

        Raises:
            ServiceError: the file differs from what the service announced.
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
        with response, target.open("wb") as file, translated_errors():
            for chunk in response.iter_content(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def _json(self, method: str, path: str, **options: Any) -> Any:
        with self._send(method, path, **options) as response:
            try:
                return response.json()
            except ValueError as error:  # a proxy's page, for one
                raise ServiceError(_foreign_answer(response)) from error

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        with translated_errors():
            options = {"timeout": TIMEOUT, **options}
            response = self._http.request(method, self._url + path, **options)
        if response.ok:
            return response
        with response:
            raise ServiceError(_parse_problem(response))


def job_kind(request: AnyRequest) -> JobKind:
    """The kind of job that `request` asks for."""
    return next(kind for kind, known in REQUEST_TYPES.items() if type(request) is known)


def _members(request: AnyRequest) -> dict[str, object]:
    members = to_json(request)
    assert isinstance(members, dict)
    return members


def _new_http_session() -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    # The service closes idle connections, perhaps just as one is used again. All requests may be
    # sent twice: uploads are named by their content, submissions by their key.
    retry = Retry(1, connect=0, read=1, redirect=0, status=0, other=0, allowed_methods=None)
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


@contextmanager
def translated_errors() -> Iterator[None]:
    """Errors of `requests` as ours. They are OSErrors as well, which must not be taken for files'.

    Raises:
        InvalidAddress, InvalidProxy, ServiceUnreachable
    """
    import requests

    try:
        yield
    except requests.RequestException as error:
        if isinstance(error, ValueError) and "proxy" in f"{type(error)} {error}".lower():
            raise InvalidProxy(str(error)) from error
        if isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error):
            raise InvalidProxy("SOCKS proxies are not known") from error
        if isinstance(error, ValueError):  # an invalid URL or header
            raise InvalidAddress(f"The backend's address is invalid: {error}.", EXAMPLE) from error
        raise ServiceUnreachable("The backend does not answer.", "Start it again.") from error


def _parse_problem(response: requests.Response) -> Problem:
    try:
        body = response.json()
        return Problem(
            **{name: body[name] for name in ("code", "title", "detail")},
            remedy=body.get("remedy", ""),
            status=response.status_code,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return _foreign_answer(response)


def _foreign_answer(response: requests.Response) -> Problem:
    """Not our service's answer: a proxy's page, or another program on that port."""
    return Problem(
        "foreign-answer",
        "This is not a Splatsmith backend",
        f"{response.url} answered {response.status_code} {response.reason}.",
        "Check the address in the preferences.",
        response.status_code,
    )


def _other_protocol(theirs: object) -> Problem:
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
