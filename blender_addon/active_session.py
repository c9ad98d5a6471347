"""The one session of this Blender, begun on first use, and what becomes of its finished jobs."""

from __future__ import annotations

import atexit

from .contract.problems import SplatsmithError
from .exporting.export_plan import ExportPlan, finish_export
from .importing.import_plan import import_results
from .link.session import Session
from .link.settings import BackendSettings
from .link.tracked_job import TrackedJob
from .online_access import default_settings

POLL_SECONDS = 0.05

_settings: BackendSettings | None = None
_session: Session | None = None


def get_session() -> Session:
    """The session; begun with the default settings if `configure` was never called."""
    global _session
    if _session is None:
        _session = Session(_settings or default_settings())
    return _session


def configure(settings: BackendSettings) -> None:
    """Use `settings` from now on; a backend started with other ones is stopped."""
    global _settings
    _settings = settings
    if _session is not None:
        _session.configure(settings)


def shutdown() -> None:
    """Stop the backend and wait until it has ended. Also called when Blender ends."""
    global _session
    session, _session = _session, None
    if session is not None:
        session.close()


def poll() -> list[TrackedJob]:
    """Import what has finished; returns the jobs that have ended since the last call."""
    if _session is None:
        return []
    return [_import_ended(_session, job) for job in _session.tracker.take_ended()]


def wait_for_end(key: str) -> TrackedJob:
    """Wait until the job `key` has ended and is imported. Ctrl+C cancels it.

    Raises:
        SplatsmithError: the job failed; `Cancelled` if it was cancelled.
    """
    session = get_session()
    try:
        while (job := session.tracker.get(key)).is_awaited:
            session.tracker.wait(POLL_SECONDS)
            poll()
    except KeyboardInterrupt:
        session.cancel(key)
        raise
    if job.failure is not None:
        raise job.failure
    return job


def _import_ended(session: Session, job: TrackedJob) -> TrackedJob:
    """Import or export a job's results, if it has any; returns the job afterwards."""
    if job.results is None:
        return job
    finish = finish_export if isinstance(job.import_plan, ExportPlan) else import_results
    try:
        session.tracker.set_imported(job.key, finish(job))
    except SplatsmithError as error:
        session.tracker.set_import_failed(job.key, error)
    return session.tracker.find(job.key) or job


atexit.register(shutdown)
