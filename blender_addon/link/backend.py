"""Which backend this Blender talks to, and what state it is in."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event

from .client import Client
from .environment import Environment, InstallFailed, Tell, python_in
from .launcher import BackendFailed, Launcher
from .snapshot import LinkSettings


class Backend:
    """A service on this machine, installed and started when asked, or a remote one.

    Its methods block: call them from the session's thread.
    """

    def __init__(self, settings: LinkSettings) -> None:
        self._settings = settings
        self._launcher: Launcher | None = None

    @property
    def environment(self) -> Environment:
        """The add-on's own environment."""
        settings = self._settings
        folder = settings.folder / "environment"
        return Environment(folder, settings.backend / "locks", settings.accelerator)

    @property
    def flavour(self) -> str:
        """What is installed, in a word or two, for the panel."""
        if self._settings.remote is not None:
            return self._settings.remote.url
        if self._ready_made is not None:
            return str(self._ready_made)
        return self.environment.flavour

    @property
    def is_installed(self) -> bool:
        if self._settings.remote is not None or self._ready_made is not None:
            return True
        return self.environment.is_complete

    def install(self, tell: Tell, cancelled: Event) -> None:
        """Make the environment.

        Raises:
            InstallFailed, InstallCancelled: see `Environment.install`.
        """
        python = self._settings.python or Path(sys.executable)
        self.environment.install(python, tell, cancelled)

    def start(self, cancelled: Event) -> Client:
        """Start the service, unless it is a remote one, and greet it.

        Raises:
            InstallFailed: it is not installed.
            BackendFailed, ServiceGone, ServiceError: it does not come up or does not fit.
        """
        client = Client(self._settings.remote or self._launch().start(cancelled))
        client.health()
        return client

    def why_it_ended(self) -> BackendFailed | None:
        """Why the process is no more; None while it, or a remote one, may yet answer."""
        if self._launcher is None or not self._launcher.has_ended():
            return None
        return self._launcher.why_it_ended()

    def stop(self) -> None:
        if self._launcher is not None:
            self._launcher.stop()

    @property
    def _ready_made(self) -> Path | None:
        checkout = self._settings.backend.parent / ".venv"
        return self._settings.environment or (checkout if checkout.is_dir() else None)

    def _launch(self) -> Launcher:
        if not self.is_installed:
            raise InstallFailed("The backend is not installed.", "Press Install.")
        if self._launcher is None:
            folder = self._ready_made or self.environment.folder
            home = self._settings.folder / "service"
            chosen = self._settings
            self._launcher = Launcher(
                python_in(folder), chosen.backend, home, chosen.device, chosen.hub_variables
            )
        return self._launcher
