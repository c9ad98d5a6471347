"""The bodies of HTTP v1 around requests and job states, and the handover file of a service.

POST /v1/images, /v1/clouds   the file itself            -> 201 Upload
POST /v1/jobs                 JobOrder                   -> 202 JobStatus + Location
GET  /v1/jobs                 ?limit= &before= &state=   -> 200 JobPage, newest first
GET  /v1/engines                                         -> 200 EngineList
"""

from __future__ import annotations

from dataclasses import dataclass

from .jsonable import from_json
from .protocol import (
    DownloadRequest,
    ExtractRequest,
    GenerateRequest,
    JobKind,
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

    def uploads(self) -> dict[str, str]:
        """The ids of the uploads that the job works on, by picture's role or by "cloud"."""
        match self.decoded():
            case GenerateRequest(pictures=pictures):
                return {role.value: upload for role, upload in pictures.items()}
            case ExtractRequest(cloud=cloud):
                return {"cloud": cloud}
            case DownloadRequest():
                return {}


@dataclass(frozen=True)
class Upload:
    """A file that the service has taken in. `id` is the SHA-256 of its content."""

    id: str
    size_bytes: int


@dataclass(frozen=True)
class Handover:
    """How to reach a service: what it writes into its state file once it listens."""

    url: str
    token: str
    pid: int
    protocol: int
    version: str
