"""Jobs that were ordered together: variations of one request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..contract.protocol import GenerateRequest
from .tracked_job import TrackedJob

SEED = "seed"
TOGETHER_SECONDS = 30.0  # between the first and the next job, uploads included


def group_variations(jobs: Iterable[TrackedJob]) -> list[tuple[TrackedJob, ...]]:
    """Jobs one by one, but those together that follow each other and differ in the seed alone."""
    groups: list[tuple[TrackedJob, ...]] = []
    for job in jobs:
        if groups and all(_are_variations(job, other) for other in groups[-1]):
            groups[-1] = (*groups[-1], job)
        else:
            groups.append((job,))
    return groups


def with_seed(request: GenerateRequest, seed: int) -> GenerateRequest:
    return replace(request, parameters={**request.parameters, SEED: seed})


def _are_variations(job: TrackedJob, other: TrackedJob) -> bool:
    one, two = job.request, other.request
    if not isinstance(one, GenerateRequest) or not isinstance(two, GenerateRequest):
        return False
    if abs(job.status.created - other.status.created) > TOGETHER_SECONDS:
        return False
    has_other_seed = one.parameters.get(SEED) != two.parameters.get(SEED)
    return has_other_seed and with_seed(one, 0) == with_seed(two, 0)
