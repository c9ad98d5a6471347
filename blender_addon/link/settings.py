"""Which backend is used, and how it runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from .address import Address


@dataclass(frozen=True)
class BackendSettings:
    """Which backend is used, and how it runs.

    folder: holds the add-on's files: the environment, jobs, pictures, results.
    backend: holds the package `splatsmith` and its `locks`.
    python: creates the environment; None is the running interpreter.
    environment: an existing one, used instead of the add-on's own.
    accelerator: the lock that is installed: "auto", "cpu" or "cuda".
    device: that the backend computes on: "auto", "cpu" or "cuda".
    remote: a service on another machine, used instead of a local one.
    hub_token: for checkpoints that the hub gives to authorised users only.
    offline: the backend downloads nothing.
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
    def job_store(self) -> Path | str:
        """Identifies the job store: settings with the same one see the same jobs."""
        return self.remote.url if self.remote else self.folder

    @property
    def service(self) -> tuple[object, ...]:
        """Identifies the service: settings with the same one differ in how it runs alone."""
        return (self.remote, self.folder, self.backend, self.environment)

    @property
    def results(self) -> Path:
        """Holds a folder with the artifacts of each downloaded job."""
        return self.folder / "results"

    @property
    def pictures(self) -> Path:
        """Holds the pictures that were uploaded, by the id of the upload."""
        return self.folder / "pictures"

    @property
    def prompts(self) -> Path:
        """Holds the prompts that were used last."""
        return self.folder / "prompts.json"

    @property
    def last_known(self) -> Path:
        """Holds what was last known of this job store, see `last_known`."""
        if self.remote is None:
            return self.folder / "last_known.json"
        digest = hashlib.sha256(self.remote.url.encode()).hexdigest()
        return self.folder / f"last_known-{digest[:16]}.json"

    @property
    def hub_environment(self) -> dict[str, str]:
        """Environment variables of the backend's process that concern the hub."""
        token = {"HF_TOKEN": self.hub_token} if self.hub_token else {}
        return {**token, "HF_HUB_OFFLINE": "1"} if self.offline else token
