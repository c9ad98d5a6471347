"""Bodies of HTTP v1 beside those in contract.protocol, and the state file of a service.

POST /v1/images, /v1/clouds   the file itself  -> 201 Upload
POST /v1/jobs                 JobSubmission    -> 202 JobStatus + Location
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
class JobSubmission:
    """The body of POST /v1/jobs: a kind of job and the JSON of that kind's request."""

    kind: JobKind
    request: dict[str, object]

    def decode(self) -> AnyRequest:
        """The request as a dataclass of its kind.

        Raises:
            InvalidRequest: it is not such a request.
        """
        return from_json(REQUEST_TYPES[self.kind], self.request)


@dataclass(frozen=True)
class Upload:
    """An uploaded file. `id` is the SHA-256 of its content."""

    id: str
    size_bytes: int


@dataclass(frozen=True)
class ConnectionInfo:
    """How to reach a service: the content of the state file that it writes once it listens."""

    url: str
    token: str
    pid: int
    protocol: int
    version: str
