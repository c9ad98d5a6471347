"""What the list of jobs says of a job that has not ended: its place in the queue, and how long."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from ..contract.protocol import GenerateRequest, JobState
from .tracked_job import TrackedJob

PAST_JOBS = 5  # the newest like it tell how long a job takes


def queue_position(job: TrackedJob, jobs: Iterable[TrackedJob]) -> int:
    """How many jobs come before a waiting one, the running one among them."""
    unfinished = (each for each in jobs if not each.state.is_final and each.key != job.key)
    return sum(
        each.state is JobState.RUNNING or each.status.created < job.status.created
        for each in unfinished
    )


def seconds_left(job: TrackedJob, jobs: Iterable[TrackedJob], now: float) -> float | None:
    """How long a running job still takes, by those like it; without any, by its own progress.

    Args:
        now: seconds since the epoch.
    """
    if job.state is not JobState.RUNNING or job.status.started is None:
        return None
    elapsed, progress = max(0.0, now - job.status.started), job.status.progress
    past = [seconds for each in jobs if (seconds := _duration(each)) and is_alike(each, job)]
    if past:
        return max(0.0, median(past[:PAST_JOBS]) - elapsed)
    return elapsed * (1 - progress) / progress if progress >= 0.2 else None


def is_alike(job: TrackedJob, other: TrackedJob) -> bool:
    """Whether two jobs do the same work: in kind, engine, variant and products."""
    return job.status.kind is other.status.kind and _work(job) == _work(other)


def _duration(job: TrackedJob) -> float | None:
    """Seconds that a job took that succeeded."""
    status = job.status
    if job.state is not JobState.SUCCEEDED or not status.started or not status.finished:
        return None
    return status.finished - status.started


def _work(job: TrackedJob) -> object:
    request = job.request
    if isinstance(request, GenerateRequest):
        return request.engine, request.variant, sorted(request.products), bool(request.pictures)
    return sorted(getattr(request, "products", ()))
