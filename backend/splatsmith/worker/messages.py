"""The messages between the service and its workers: one JSON array a line, over pipes.

service -> worker   RunJob, CancelJob
worker -> service   WorkerReady once; for each job any number of JobProgress, then one of
                    JobSucceeded, JobFailed, JobCancelled
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..contract.jsonable import from_json, to_json
from ..contract.problems import Problem
from ..contract.protocol import Artifact
from ..contract.wire import JobSubmission, PreviewImage


@dataclass(frozen=True)
class RunJob:
    """Run a job and leave its artifacts in `folder`.

    uploads: the folder of the uploaded files that the request names.
    """

    id: str
    submission: JobSubmission
    folder: str
    uploads: str


@dataclass(frozen=True)
class CancelJob:
    """Stop the job `id` if it is the running one."""

    id: str


@dataclass(frozen=True)
class WorkerReady:
    """The worker has started on `device` ("cpu", "cuda:0"); `device_title` is its name."""

    device: str
    device_title: str


@dataclass(frozen=True)
class JobProgress:
    """The job is at `fraction` (0..1). `preview` shows its unfinished result."""

    fraction: float
    stage: str
    preview: PreviewImage | None = None


@dataclass(frozen=True)
class JobSucceeded:
    """The job succeeded; `notes` are sentences for the user."""

    artifacts: tuple[Artifact, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobFailed:
    problem: Problem


@dataclass(frozen=True)
class JobCancelled:
    """The job was cancelled."""


Message = RunJob | CancelJob | WorkerReady | JobProgress | JobSucceeded | JobFailed | JobCancelled

_TYPES: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (RunJob, CancelJob, WorkerReady, JobProgress, JobSucceeded, JobFailed, JobCancelled)
}


def encode(message: Message) -> str:
    """`message` as one line of JSON, with its newline."""
    return json.dumps([type(message).__name__, to_json(message)]) + "\n"


def decode(line: str) -> Message:
    """The inverse of `encode`.

    Raises:
        ValueError: the line is cut off.
    """
    kind, members = json.loads(line)
    return from_json(_TYPES[kind], members, kind)
