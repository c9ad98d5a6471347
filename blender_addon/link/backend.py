"""The backend that this Blender uses: installed and started here, or remote."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event

from .backend_builds import BackendBuild
from .client import Client
from .environment import Environment, InstallFailed, python_in
from .errors import BackendFailed
from .installation_lock import installation_lock
from .launcher import Launcher
from .settings import BackendSettings
from .trial_generation import run_trial_generation
from .watched_process import ProgressCallback


class Backend:
    """A service on this machine, which is installed and started on request, or a remote one.

    Its methods block: call them on the session's thread.
    """

    def __init__(self, settings: BackendSettings) -> None:
        self.settings = settings
        self._launcher: Launcher | None = None

    @property
    def environment(self) -> Environment:
        """The add-on's own environment."""
        settings = self.settings
        folder = settings.folder / "environment"
        return Environment(folder, settings.backend / "locks", settings.accelerator)

    @property
    def build(self) -> str:
        """The installed build, or the address of a remote backend, for the panel."""
        if self.settings.remote is not None:
            return self.settings.remote.url
        if self._existing_environment is not None:
            return str(self._existing_environment)
        return self.environment.build

    @property
    def is_installed(self) -> bool:
        if self.settings.remote is not None or self._existing_environment is not None:
            return True
        return self.environment.is_complete

    @property
    def planned_build(self) -> BackendBuild:
        """What `install` fetches."""
        return self.environment.planned_build

    def install(self, report: ProgressCallback, cancelled: Event) -> None:
        """Create the environment, unless another Blender just did, and try it out.

        Raises:
            InstallFailed, InstallCancelled: see `Environment.install` and `run_trial_generation`;
                after the latter's the environment stays.
        """
        chosen = self.settings
        with installation_lock(chosen.folder, report, cancelled):
            if self.environment.is_complete:
                return
            self.environment.install(chosen.python or Path(sys.executable), report, cancelled)
            python = python_in(self.environment.folder)
            run_trial_generation(python, chosen.backend, chosen.device, report, cancelled)

    def start(self, cancelled: Event) -> Client:
        """Start the service, unless it is a remote one, and check its health and version.

        Raises:
            InstallFailed: it is not installed.
            BackendFailed, ServiceUnreachable, ServiceError: it does not start or fit.
            InvalidAddress: that of the remote one.
        """
        client = Client(self.settings.remote or self._get_launcher().start(cancelled))
        client.health()
        return client

    def exit_error(self) -> BackendFailed | None:
        """Why the process exited; None while it runs, or for a remote backend."""
        if self._launcher is None or not self._launcher.has_exited():
            return None
        return self._launcher.exit_error()

    def stop(self) -> None:
        if self._launcher is not None:
            self._launcher.stop()

    @property
    def _existing_environment(self) -> Path | None:
        checkout = self.settings.backend.parent / ".venv"
        return self.settings.environment or (checkout if checkout.is_dir() else None)

    def _get_launcher(self) -> Launcher:
        if not self.is_installed:
            raise InstallFailed("The backend is not installed.", "Press Install.")
        if self._launcher is None:
            folder = self._existing_environment or self.environment.folder
            home = self.settings.folder / "service"
            chosen = self.settings
            self._launcher = Launcher(
                python_in(folder), chosen.backend, home, chosen.device, chosen.hub_environment
            )
        return self._launcher
