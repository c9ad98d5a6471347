"""Jobs and the backend, for scripts and operators; `api` hands these functions on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from .active_session import configure, get_session, wait_for_end
from .contract.artifacts import JOB_RECORD
from .contract.problems import NotFound
from .contract.protocol import DownloadRequest
from .importing.placement import Placement
from .link.snapshot import SessionSnapshot
from .link.tracked_job import new_job
from .online_access import check_online
from .submission.new_jobs import plan_of, repeated_job


def snapshot() -> SessionSnapshot:
    """The state of the backend, its engines and jobs."""
    return get_session().snapshot


def cancel(job: str) -> None:
    """Cancel a job, by its key or id; a job that has ended stays as it is.

    Raises:
        NotFound: there is no such job.
    """
    get_session().cancel(job)


def remove(job: str) -> None:
    """Delete a job and its files; imported objects stay.

    Raises:
        NotFound: there is no such job.
    """
    get_session().remove(job)


def retry(job: str) -> str:
    """Submit a job's request again, to be imported as it was planned; returns the new key.

    Raises:
        NotFound: there is no such job.
        OnlineAccessDenied: it is a download, and Blender is set to stay offline.
    """
    before = get_session().tracker.get(job)
    if isinstance(before.request, DownloadRequest):
        return submit_download(before.request)
    return get_session().submit(repeated_job(before))


def import_job(
    job: str, at_cursor: bool = False, location: tuple[float, float, float] | None = None
) -> str:
    """Import a finished job again, as it was planned; returns the key for `wait_for`.

    at_cursor: at the 3D cursor's present location instead of the planned one.
    location: exactly there instead; an extraction too, which otherwise stands with its splats.

    Raises:
        NotFound: there is no such job.
    """
    session = get_session()
    plan = plan_of(session.tracker.get(job))
    if location is not None:
        plan = plan.at(location)
    elif at_cursor:
        plan = plan.at_cursor()
    return session.import_again(job, plan)


def planned_size(job: str) -> float:
    """The longest edge in metres that a job's results were ordered with; 1 if it is the files'.

    Raises:
        NotFound: there is no such job.
    """
    target = plan_of(get_session().tracker.get(job)).target
    return (target.size if isinstance(target, Placement) else None) or 1.0


def load_previews(jobs: Iterable[str]) -> None:
    """Download the pictures of jobs, as far as they are not here, if the backend runs."""
    get_session().load_previews(jobs)


def result_folder(job: str) -> Path:
    """The folder with all files of a finished job, turntables included.

    Raises:
        NotFound: they were not downloaded; `import_job` does so.
    """
    session = get_session()
    known = session.tracker.find(job)
    folder = session.settings.results / (known.status.id if known else job)
    if not (folder / JOB_RECORD).is_file():
        raise NotFound("The files of this job are not here.", "Import it, and they will be.")
    return folder


def install() -> None:
    """Create the backend's environment: a download of some gigabytes. Returns at once.

    Raises:
        OnlineAccessDenied: Blender is set to stay offline.
    """
    check_online()
    get_session().install()


def download(request: DownloadRequest) -> None:
    """Download checkpoints and wait for them.

    Raises:
        SplatsmithError: the job failed; says why and what to do.
    """
    wait_for_end(submit_download(request))


def submit_download(request: DownloadRequest) -> str:
    """Submit a download of checkpoints and return its key at once.

    A backend that was started while Blender was offline is restarted.

    Raises:
        OnlineAccessDenied: Blender is set to stay offline.
    """
    check_online()
    configure(replace(get_session().settings, offline=False))
    return get_session().submit(new_job(request))


def start() -> None:
    """Start the backend. Returns at once."""
    get_session().start()


def stop() -> None:
    """Stop the backend, or an installation. Unfinished jobs go on at the next start."""
    get_session().stop()


def dismiss_problem() -> None:
    """Clear the last problem of the backend."""
    get_session().clear_problem()
