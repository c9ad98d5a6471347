"""What the service and its worker tell each other: one JSON object a line, over pipes.

service -> worker   RunJob, CancelJob
worker -> service   Ready, then for each job Moved ... and one of Finished, Failed, Stopped
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ..contract.jsonable import from_json, to_json
from ..contract.problems import Problem
from ..contract.protocol import Artifact, JobKind


@dataclass(frozen=True)
class RunJob:
    """Carry out a job and leave its artifacts in `folder`. `inputs`: paths by picture's role,
    or by "cloud"."""

    id: str
    kind: JobKind
    request: dict[str, object]
    folder: str
    inputs: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class CancelJob:
    """Stop the job called `id`, if it is the one under way."""

    id: str


@dataclass(frozen=True)
class Ready:
    """The worker has started on `device` ("cpu", "cuda:0"); `device_title` is its name."""

    device: str
    device_title: str


@dataclass(frozen=True)
class Moved:
    """The job is at `fraction` (0..1)."""

    fraction: float
    stage: str


@dataclass(frozen=True)
class Finished:
    """The job went well; `notes` are sentences for the user."""

    artifacts: tuple[Artifact, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    problem: Problem


@dataclass(frozen=True)
class Stopped:
    """The job was cancelled."""


Message = RunJob | CancelJob | Ready | Moved | Finished | Failed | Stopped

_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (RunJob, CancelJob, Ready, Moved, Finished, Failed, Stopped)
}


def encode(message: Message) -> str:
    """The message's line, with its newline."""
    return json.dumps([type(message).__name__, to_json(message)]) + "\n"


def decode(line: str) -> Message:
    """The message in a line that `encode` made."""
    kind, members = json.loads(line)
    return from_json(_KINDS[kind], members, kind)
