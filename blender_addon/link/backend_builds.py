"""What the builds of the backend are for, and what fetching one takes."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class BackendBuild:
    """A build of the backend.

    title: what it computes on.
    download_gb, disk_gb: what is fetched, and what it needs on the disk.
    minutes: how long an installation takes where 10 MB arrive in a second, its first generation
        included, which compiles.
    """

    title: str
    download_gb: float
    disk_gb: float
    minutes: int


# Estimates, in round figures: not every build's installation was measured.
_CPU = BackendBuild("for the processor", 0.6, 2.0, 5)
_BUILDS = {
    "linux-x86_64-cpu": _CPU,
    "linux-x86_64-cuda": BackendBuild("for an NVIDIA GPU", 3.0, 7.0, 10),
}
_APPLE = BackendBuild("for Apple silicon", 0.6, 2.0, 5)


def build_of_lock(name: str) -> BackendBuild:
    """The build that the lock `name` pins."""
    return _BUILDS.get(name, _APPLE if sys.platform == "darwin" else _CPU)
