"""Bodies of HTTP v1 beside those in contract.protocol, and the state file of a service.

POST /v1/images, /v1/clouds, /v1/weights   the file itself  -> 201 Upload
POST /v1/jobs                 JobSubmission    -> 202 JobStatus + Location
GET  /v1/events               an event stream, see contract.event_stream and EVENT_TYPES
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from .checkpoints import CheckpointStatus
from .jsonable import from_json
from .problems import InvalidRequest
from .protocol import (
    ConvertRequest,
    DownloadRequest,
    ExtractRequest,
    GenerateRequest,
    Health,
    ImportRequest,
    JobKind,
    JobStatus,
)

MAX_PREVIEW_BYTES = 64 * 2**10
PREVIEW_TYPES = ("image/jpeg", "image/png", "image/webp")

AnyRequest = GenerateRequest | ExtractRequest | ConvertRequest | DownloadRequest | ImportRequest

REQUEST_TYPES: dict[JobKind, type[AnyRequest]] = {
    JobKind.GENERATE: GenerateRequest,
    JobKind.EXTRACT: ExtractRequest,
    JobKind.CONVERT: ConvertRequest,
    JobKind.DOWNLOAD: DownloadRequest,
    JobKind.IMPORT: ImportRequest,
}


@dataclass(frozen=True)
class JobSubmission:
    """The body of POST /v1/jobs: a kind of job and the JSON of that kind's request.

    client_data: any JSON members that the client wants to find again in the job's status, such as
        what it will do with the results; the service does not read them.
    """

    kind: JobKind
    request: dict[str, object]
    client_data: dict[str, object] = field(default_factory=dict[str, object])

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
class PreviewImage:
    """A picture of an unfinished result. `data` is base64 of at most MAX_PREVIEW_BYTES."""

    media_type: str
    data: str

    def __post_init__(self) -> None:
        if self.media_type not in PREVIEW_TYPES:
            raise InvalidRequest(
                f"{self.media_type!r} is not a preview's media type.",
                f"It must be one of: {', '.join(PREVIEW_TYPES)}.",
            )
        if len(self.data) > 4 * ((MAX_PREVIEW_BYTES + 2) // 3):
            raise InvalidRequest(
                "The preview is too large.", f"It may have {MAX_PREVIEW_BYTES:,} bytes."
            )

    @property
    def content(self) -> bytes:
        """The bytes of the image file."""
        return base64.b64decode(self.data)


@dataclass(frozen=True)
class SnapshotEvent:
    """The state of everything: it replaces what a client knows. `jobs`: newest first, the newest
    100; older ones are at GET /v1/jobs."""

    health: Health
    checkpoints: tuple[CheckpointStatus, ...]
    jobs: tuple[JobStatus, ...]


@dataclass(frozen=True)
class JobEvent:
    """A job that is new or has changed. `preview`: of a running one, when there is a new one."""

    job: JobStatus
    preview: PreviewImage | None = None


@dataclass(frozen=True)
class JobDeletedEvent:
    """The job `id` is gone."""

    id: str


@dataclass(frozen=True)
class WeightsEvent:
    """The status of all checkpoints, after one of them has changed."""

    checkpoints: tuple[CheckpointStatus, ...]


@dataclass(frozen=True)
class HealthEvent:
    """The worker's state, its device or the service's problem has changed."""

    health: Health


EventPayload = SnapshotEvent | JobEvent | JobDeletedEvent | WeightsEvent | HealthEvent

EVENT_TYPES: dict[str, type[EventPayload]] = {
    "snapshot": SnapshotEvent,
    "job": JobEvent,
    "job-deleted": JobDeletedEvent,
    "weights": WeightsEvent,
    "health": HealthEvent,
}
"""The payloads of GET /v1/events, by the event's type."""


@dataclass(frozen=True)
class ConnectionInfo:
    """How to reach a service: the content of the state file that it writes once it listens."""

    url: str
    token: str
    pid: int
    protocol: int
    version: str
