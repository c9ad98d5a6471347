"""Variations: the same request with other seeds, to choose from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from .active_session import get_session
from .contract.problems import InvalidRequest
from .contract.protocol import GenerateRequest
from .importing.import_plan import ImportPlan
from .importing.placement import Placement
from .importing.post_import import PostImport
from .link.job_groups import SEED, with_seed
from .link.tracked_job import NOTHING, TrackedJob, new_job
from .scene.images import Picture
from .submission.generation_settings import GenerationSettings
from .submission.new_jobs import generation_job, plan_of

VARIATIONS = 4
NEW_SEEDS = 1_000_000  # short enough to read out
DEFAULT_SETTINGS, AT_CURSOR, AS_IMPORTED = GenerationSettings(), Placement(), PostImport()


def submit_variations(
    prompt: str = "",
    picture: Picture | None = None,
    *,
    settings: GenerationSettings = DEFAULT_SETTINGS,
    placement: Placement = AT_CURSOR,
    post_import: PostImport = AS_IMPORTED,
    name: str = "",
) -> list[str]:
    """Submit VARIATIONS jobs, each with a new seed, and return their keys at once.

    They are imported only when `import_job` asks for it.

    Raises:
        InvalidRequest: a picture cannot be read, or the control map has no faces.
    """
    plan = ImportPlan(placement.resolve(), post_import)
    first = generation_job(prompt, picture, name, settings, plan)
    seeds = _new_seeds(settings.engine, VARIATIONS)
    return [get_session().submit(job) for job in variation_jobs(first, seeds)]


def variation_jobs(first: TrackedJob, seeds: Sequence[int]) -> list[TrackedJob]:
    """A job like `first` for each seed, whose results are not awaited."""
    assert isinstance(first.request, GenerateRequest)
    attachments, plan = first.attachments or NOTHING, first.import_plan
    requests = [with_seed(first.request, seed) for seed in seeds]
    jobs = (new_job(request, attachments, plan) for request in requests)
    return [replace(job, is_awaited=False) for job in jobs]


def repeat_with_new_seed(job: str) -> str:
    """Submit a generation again with another seed, imported as it was planned; the new key.

    Raises:
        NotFound: there is no such job.
        InvalidRequest: it is no generation, or one of another version of Splatsmith.
    """
    before = get_session().tracker.get(job)
    if not isinstance(before.request, GenerateRequest):
        raise InvalidRequest("This job has no seed.", "Choose a generation.")
    (seed,) = _new_seeds(before.request.engine, 1)
    request = with_seed(before.request, seed)
    return get_session().submit(new_job(request, before.attachments or NOTHING, plan_of(before)))


def _new_seeds(engine: str, count: int) -> list[int]:
    """Distinct seeds that the engine takes, by its card where the backend has sent it."""
    cards = get_session().snapshot.engines
    specs = (s for card in cards if card.id == engine for v in card.variants for s in v.parameters)
    limits = [spec.maximum for spec in specs if spec.name == SEED and spec.maximum is not None]
    return random.sample(range(int(min(NEW_SEEDS, *limits, NEW_SEEDS))), count)
