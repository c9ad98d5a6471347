"""The bodies of HTTP v1 around requests and job states, and the handover file of a service.

POST /v1/images, /v1/clouds   the file itself            -> 201 Upload
POST /v1/jobs                 JobOrder                   -> 202 JobStatus + Location
GET  /v1/jobs                 ?limit= &before= &state=   -> 200 JobPage, newest first
GET  /v1/engines                                         -> 200 EngineList
"""

from __future__ import annotations

from dataclasses import dataclass

from .cards import EngineCard
from .jsonable import from_json
from .protocol import (
    DownloadRequest,
    ExtractRequest,
    GenerateRequest,
    JobKind,
    JobStatus,
)

AnyRequest = GenerateRequest | ExtractRequest | DownloadRequest

REQUEST_TYPES: dict[JobKind, type[AnyRequest]] = {
    JobKind.GENERATE: GenerateRequest,
    JobKind.EXTRACT: ExtractRequest,
    JobKind.DOWNLOAD: DownloadRequest,
}


@dataclass(frozen=True)
class JobOrder:
    """What POST /v1/jobs takes: a kind of job and the JSON of that kind's request."""

    kind: JobKind
    request: dict[str, object]

    def decoded(self) -> AnyRequest:
        """The request in its own type.

        Raises:
            InvalidRequest: it is not such a request.
        """
        return from_json(REQUEST_TYPES[self.kind], self.request)


@dataclass(frozen=True)
class Upload:
    """A file that the service has taken in. `id` is the SHA-256 of its content."""

    id: str
    size_bytes: int


@dataclass(frozen=True)
class JobPage:
    """Jobs, newest first. `next` is the `before` of the following page, empty on the last."""

    jobs: tuple[JobStatus, ...]
    next: str = ""


@dataclass(frozen=True)
class EngineList:
    engines: tuple[EngineCard, ...]


@dataclass(frozen=True)
class Handover:
    """How to reach a service: what it writes into its state file once it listens."""

    url: str
    token: str
    pid: int
    protocol: int
    version: str
