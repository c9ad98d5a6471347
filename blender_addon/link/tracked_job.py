"""One job as this Blender sees it, from its submission to the imported asset.

draft -> submitted -> final at the service -> results downloaded -> imported
         (or failed, or cancelled, at any of these)
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..contract.artifacts import PREVIEW
from ..contract.cards import ConditionKind
from ..contract.cloud import GaussianCloud
from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest, SplatsmithError
from ..contract.protocol import JobState, JobStatus
from ..contract.wire import REQUEST_TYPES, AnyRequest, PreviewImage
from .client import job_kind
from .errors import Cancelled, ServiceError


class PictureFile(Protocol):
    """An image file, which may be encoded only when it is read."""

    def read(self) -> bytes:
        """Its content; called on the session's thread."""
        ...


@dataclass(frozen=True)
class Attachments:
    """What is uploaded before a job can be submitted.

    pictures: image files, by kind.
    cloud: makes the splats of an extraction or an export; called on the session's thread.
    file: a splat file to convert.
    """

    pictures: Mapping[ConditionKind, PictureFile] = field(
        default_factory=dict[ConditionKind, PictureFile]
    )
    cloud: Callable[[], GaussianCloud] | None = None
    file: Path | None = None


NOTHING = Attachments()


class Plan(Protocol):
    """What is done with a job's results. It is kept with the job by the service."""

    def to_members(self) -> dict[str, object]:
        """Itself as JSON members, from which another session can read it."""
        ...


@dataclass(frozen=True, eq=False)
class TrackedJob:
    """A job at one moment. Equal only to itself, so that comparing lists of them is cheap.

    key: its name in this Blender; the service's id for jobs that were not submitted here.
    request: None if another version of Splatsmith submitted it.
    status: the service's; before the job is submitted, a draft whose id is the key.
    attachments: None once they are uploaded.
    import_plan: what is done with the results; None if they are not imported, or if another
        session submitted the job: then it is in the status's client data.
    is_awaited: its end has not been handed out by `take_ended`, or its results not imported.
    results: the folder with its artifacts, once they are downloaded.
    preview: the file of its preview picture, once it is downloaded.
    unfinished: the newest picture of the unfinished result, while it runs.
    error: why it could not be submitted, downloaded or imported.
    asset: what the import made, opaque here.
    """

    key: str
    request: AnyRequest | None
    status: JobStatus
    attachments: Attachments | None = None
    import_plan: Plan | None = None
    is_awaited: bool = False
    is_cancelling: bool = False
    results: Path | None = None
    preview: Path | None = None
    unfinished: PreviewImage | None = None
    error: SplatsmithError | None = None
    asset: object = None

    @property
    def is_submitted(self) -> bool:
        return self.attachments is None

    @property
    def needs_results(self) -> bool:
        """Whether its artifacts are to be downloaded for an import."""
        is_ready = self.status.state is JobState.SUCCEEDED and self.error is None
        return is_ready and self.is_awaited and self.import_plan is not None and not self.results

    @property
    def needs_preview(self) -> bool:
        """Whether it has a preview picture that is not downloaded."""
        is_ready = self.status.state is JobState.SUCCEEDED and self.preview is None
        return is_ready and any(artifact.name == PREVIEW for artifact in self.status.artifacts)

    @property
    def has_ended(self) -> bool:
        """Whether it failed, was cancelled, or has all that an import needs."""
        return self.error is not None or (self.status.state.is_final and not self.needs_results)

    @property
    def failure(self) -> SplatsmithError | None:
        """Why it has no results."""
        if self.error is not None:
            return self.error
        if self.status.problem is not None:
            return ServiceError(self.status.problem)
        if self.status.state is JobState.CANCELLED:
            return Cancelled("The job was cancelled.")
        return None

    @property
    def state(self) -> JobState:
        return self.status.state

    @property
    def title(self) -> str:
        return self.status.title

    @property
    def stage(self) -> str:
        """The service's; a worker takes a while to cancel in the middle of a step."""
        if self.is_cancelling and not self.status.state.is_final:
            return "Cancelling"
        return self.status.stage


def new_job(
    request: AnyRequest, attachments: Attachments = NOTHING, import_plan: Plan | None = None
) -> TrackedJob:
    """A job that is still to be submitted."""
    key = uuid.uuid4().hex
    members = to_json(request)
    assert isinstance(members, dict)
    draft = JobStatus(
        id=key,
        kind=job_kind(request),
        state=JobState.QUEUED,
        title=request.title,
        request=members,
        created=time.time(),
        stage="Sending",
        client_data=import_plan.to_members() if import_plan else {},
    )
    return TrackedJob(key, request, draft, attachments, import_plan, is_awaited=True)


def listed_job(status: JobStatus) -> TrackedJob:
    """A job of the service's list that was not submitted here."""
    request: AnyRequest | None
    try:
        request = from_json(REQUEST_TYPES[status.kind], status.request)
    except InvalidRequest:  # of another version
        request = None
    return TrackedJob(status.id, request, status)
