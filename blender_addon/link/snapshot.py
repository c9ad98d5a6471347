"""The values that pass between the session's thread and the main one; all are immutable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ..contract.cards import ConditionKind, EngineCard
from ..contract.checkpoints import CheckpointStatus
from ..contract.cloud import GaussianCloud
from ..contract.problems import Problem
from ..contract.protocol import Health, JobStatus
from ..contract.wire import AnyRequest
from .address import Address


class BackendState(StrEnum):
    NOT_INSTALLED = "not installed"  # its environment is missing, half-made or out of date
    INSTALLING = "installing"
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"  # the snapshot's problem says why

    @property
    def is_busy(self) -> bool:
        return self in (BackendState.INSTALLING, BackendState.STARTING)


@dataclass(frozen=True)
class BackendSettings:
    """Where the backend is, and how it is to run.

    folder: all that the add-on keeps: the environment, jobs, results.
    backend: holds the package `splatsmith` and its `locks`.
    python: makes the environment; None is the running interpreter.
    environment: one made elsewhere, used in place of the add-on's own.
    accelerator: which lock is installed: "auto", "cpu" or "cuda".
    device: what the backend computes on: "auto", "cpu" or "cuda".
    remote: a service on another machine, used in place of one started here.
    hub_token: lets the backend fetch checkpoints that a hub hands out to some users only.
    offline: whatever the backend is asked for, it fetches nothing.
    """

    folder: Path
    backend: Path
    python: Path | None = None
    environment: Path | None = None
    accelerator: str = "auto"
    device: str = "auto"
    remote: Address | None = None
    hub_token: str = field(default="", repr=False)
    offline: bool = False

    @property
    def hub_environment(self) -> dict[str, str]:
        """What the backend's process is told of the hub, by environment variables."""
        token = {"HF_TOKEN": self.hub_token} if self.hub_token else {}
        return {**token, "HF_HUB_OFFLINE": "1"} if self.offline else token


@dataclass(frozen=True)
class Order:
    """A request and what it lacks before the uploads; `key` names it until it has a job.

    pictures: the files of a generation, by role.
    cloud: makes the splats of an extraction. Called where it may take its time.
    """

    key: str
    request: AnyRequest
    pictures: Mapping[ConditionKind, bytes] = field(default_factory=dict)
    cloud: Callable[[], GaussianCloud] | None = None


@dataclass(frozen=True)
class Outcome:
    """An order's end: a final job and, if it succeeded, the folder with its artifacts."""

    key: str
    job: JobStatus
    folder: Path | None = None


@dataclass(frozen=True)
class SessionSnapshot:
    """All that the panel shows, as of one moment.

    build: which lock is or would be installed, such as "linux-x86_64-cpu".
    message: what is going on while the backend is busy.
    weights: what is there of the engines' checkpoints.
    jobs: newest first. previews: by job id, pictures of finished ones.
    """

    state: BackendState
    build: str = ""
    message: str = ""
    problem: Problem | None = None
    health: Health | None = None
    engines: tuple[EngineCard, ...] = ()
    weights: tuple[CheckpointStatus, ...] = ()
    jobs: tuple[JobStatus, ...] = ()
    previews: Mapping[str, Path] = field(default_factory=dict)
