"""What goes on between this Blender and its backend, on a thread of its own.

The main thread gives orders (they return at once), looks at `snapshot`, and takes what has finished
with `collect`. All HTTP, waiting and installing happens on the session's thread.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from threading import Event, Thread

from ..contract.cards import EngineCard
from ..contract.checkpoints import CheckpointStatus
from ..contract.problems import Problem, SplatsmithError
from ..contract.protocol import Health
from .backend import Backend
from .client import Client
from .environment import InstallCancelled
from .errors import FileNotWritten, ServiceUnreachable
from .jobs import OrderBook
from .snapshot import BackendSettings, BackendState, Order, Outcome, SessionSnapshot

log = logging.getLogger(__name__)

BUSY_SECONDS = 0.2  # between two looks at the service while a job is under way
IDLE_SECONDS = 1.0
CLOSE_SECONDS = 15.0
RESULTS = "results"  # in the add-on's folder: a folder for each job

Command = Callable[[], None]


class Session:
    """A thread with a backend and an order book. Make one per Blender; close it at the end."""

    def __init__(self, settings: BackendSettings) -> None:
        self.settings = settings
        self._backend = Backend(settings)
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._orders = OrderBook(settings.folder / RESULTS, self._outcomes.put)
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._interrupt = Event()  # stops an installation or a start
        self._closing = Event()
        self._client: Client | None = None
        self._state = BackendState.STOPPED
        self._message = ""
        self._problem: Problem | None = None
        self._health: Health | None = None
        self._engines: tuple[EngineCard, ...] = ()
        self._weights: tuple[CheckpointStatus, ...] = ()
        self._flavour = ""
        self._thread = Thread(target=self._run, name="splatsmith", daemon=True)
        self._commands.put(self._check_installation)
        self._thread.start()

    # What the main thread may call: none of it waits, but `close`.

    @property
    def snapshot(self) -> SessionSnapshot:
        return SessionSnapshot(
            state=self._state,
            build=self._flavour,
            message=self._message,
            problem=self._problem,
            health=self._health,
            engines=self._engines,
            weights=self._weights,
            jobs=self._orders.jobs,
            previews=self._orders.previews,
        )

    def collect(self) -> list[Outcome]:
        """The orders that have ended since the last call."""
        ended: list[Outcome] = []
        while not self._outcomes.empty():
            ended.append(self._outcomes.get())
        return ended

    def install(self) -> None:
        self._state = BackendState.INSTALLING
        self._order(self._install)

    def start(self) -> None:
        self._order(self._start)

    def stop(self) -> None:
        """Stop the backend; an installation or a start under way is broken off."""
        self._interrupt.set()
        self._order(self._stop)

    def submit(self, order: Order) -> None:
        """Make `order` a job, starting the backend if need be."""
        self._orders.accept(order)
        self._order(lambda: self._submit(order))

    def cancel(self, job: str) -> None:
        self._order(lambda: self._orders.cancel(self._connected(), job))

    def remove(self, job: str) -> None:
        self._order(lambda: self._orders.remove(self._client, job))

    def retry(self, job: str, key: str) -> None:
        """Order the request of `job` again, as `key`."""
        self.submit(self._orders.again(job, key))

    def fetch(self, job: str, key: str) -> None:
        """Deliver a finished job, perhaps of an earlier Blender, as the outcome of `key`."""
        self._order(lambda: self._fetch(job, key))

    def clear_problem(self) -> None:
        self._problem = None

    def close(self) -> None:
        """Stop everything and wait for it; what runs at the service goes on at its next start."""
        self._closing.set()
        self._interrupt.set()
        self._commands.put(lambda: None)
        self._thread.join(CLOSE_SECONDS)

    # The session's thread.

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._run_next_command()
        finally:
            self._backend.stop()

    def _run_next_command(self) -> None:
        pause = BUSY_SECONDS if self._orders.is_waiting else IDLE_SECONDS
        try:
            command = self._commands.get(timeout=pause)
        except queue.Empty:
            command = self._watch
        try:
            command()
        except ServiceUnreachable as error:
            self._on_connection_lost(error)
        except SplatsmithError as error:
            self._problem = error.problem
        except OSError as error:
            self._problem = FileNotWritten(error).problem

    def _order(self, command: Command) -> None:
        self._commands.put(command)

    def _check_installation(self) -> None:
        self._flavour = self._backend.build
        if not self._backend.is_installed and self._state is BackendState.STOPPED:
            self._state = BackendState.NOT_INSTALLED

    def _install(self) -> None:
        self._interrupt.clear()
        self._problem, self._state = None, BackendState.INSTALLING
        try:
            self._backend.install(self._report_progress, self._interrupt)
        except InstallCancelled:
            self._state = BackendState.NOT_INSTALLED
        except SplatsmithError:
            self._state = BackendState.NOT_INSTALLED
            raise
        else:
            self._state = BackendState.STOPPED
            self._check_installation()
            self._start()

    def _report_progress(self, message: str) -> None:
        self._message = message

    def _start(self) -> None:
        if self._client is not None:
            return
        self._interrupt.clear()
        self._problem, self._state = None, BackendState.STARTING
        self._message = "Starting the backend"
        try:
            self._client = self._backend.start(self._interrupt)
            self._engines = self._client.engines()
        except (SplatsmithError, OSError):
            self._client, self._state = None, BackendState.FAILED
            self._check_installation()
            raise
        self._state = BackendState.RUNNING
        self._watch()

    def _stop(self) -> None:
        self._disconnect()
        self._backend.stop()
        if self._state is not BackendState.NOT_INSTALLED:
            self._state = BackendState.STOPPED

    def _submit(self, order: Order) -> None:
        try:
            self._orders.send(self._connected(), order)
        except ServiceUnreachable as error:
            self._on_connection_lost(error)
            self._orders.refuse(order, error.problem)
        except SplatsmithError as error:
            self._orders.refuse(order, error.problem)
        except OSError as error:
            self._orders.refuse(order, FileNotWritten(error).problem)

    def _fetch(self, job: str, key: str) -> None:
        client = self._connected()
        found = self._orders.find(job)
        self._outcomes.put(Outcome(key, found, self._orders.fetch(client, found)))

    def _watch(self) -> None:
        if self._client is None:
            return
        self._orders.update(self._client)
        self._weights = self._client.weights()
        self._health = self._client.health()
        if self._state is BackendState.FAILED:  # a remote one that answers again
            self._state, self._problem = BackendState.RUNNING, None

    def _connected(self) -> Client:
        if self._client is None:
            self._start()
        assert self._client is not None
        return self._client

    def _on_connection_lost(self, error: ServiceUnreachable) -> None:
        """Say why the service is gone; one that may come back is asked again."""
        reason = self._backend.exit_error()
        self._state = BackendState.FAILED
        self._problem = (reason or error).problem
        if reason is not None:
            self._disconnect()
            self._backend.stop()

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client, self._health = None, None
