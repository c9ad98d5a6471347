"""The state of the backend at one moment, as the panel shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..contract.cards import EngineCard
from ..contract.checkpoints import CheckpointStatus
from ..contract.problems import Problem
from ..contract.protocol import Health
from .backend_builds import BackendBuild
from .tracked_job import TrackedJob


class BackendState(StrEnum):
    NOT_INSTALLED = "not installed"  # its environment is missing, incomplete or out of date
    INSTALLING = "installing"
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"  # the snapshot's problem says why

    @property
    def is_busy(self) -> bool:
        return self in (BackendState.INSTALLING, BackendState.STARTING)


@dataclass(frozen=True)
class SessionSnapshot:
    """The backend's state, engines, checkpoints and jobs at one moment.

    build: the lock that is installed, such as "linux-x86_64-cpu", or what it would be for.
    planned_build: what an installation would fetch.
    message: progress of an installation or a start.
    jobs: newest first.
    """

    state: BackendState
    build: str = ""
    planned_build: BackendBuild | None = None
    message: str = ""
    problem: Problem | None = None
    health: Health | None = None
    engines: tuple[EngineCard, ...] = ()
    weights: tuple[CheckpointStatus, ...] = ()
    jobs: tuple[TrackedJob, ...] = ()
