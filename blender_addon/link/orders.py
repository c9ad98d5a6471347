"""Orders under way: sent to the service, watched there, and fetched when they are done."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..contract.jsonable import from_json, to_json
from ..contract.problems import Problem, SplatsmithError
from ..contract.protocol import GenerateRequest, JobKind, JobState, JobStatus
from .client import Client
from .snapshot import Order, Outcome

PREVIEW = "preview.png"


class OrderBook:
    """The orders of this Blender and the service's jobs.

    results: gets a folder for each finished job. deliver: is told of each order's end.
    """

    def __init__(self, results: Path, deliver: Callable[[Outcome], None]) -> None:
        self._results = results
        self._deliver = deliver
        self._drafts: dict[str, tuple[Order, JobStatus]] = {}  # not at the service (yet)
        self._keys: dict[str, str] = {}  # by job: the keys of orders not yet delivered
        self._listed: tuple[JobStatus, ...] = ()
        self._previews: dict[str, Path] = {}

    @property
    def jobs(self) -> tuple[JobStatus, ...]:
        """Newest first, drafts among them."""
        drafts = [job for _, job in list(self._drafts.values())]
        return tuple(sorted([*drafts, *self._listed], key=lambda job: -job.created))

    @property
    def previews(self) -> dict[str, Path]:
        return dict(self._previews)

    @property
    def is_waiting(self) -> bool:
        return any(not job.state.is_final for job in self.jobs)

    def accept(self, order: Order) -> None:
        """List `order` at once; `send` follows."""
        self._drafts[order.key] = (order, _draft(order))

    def send(self, client: Client, order: Order) -> None:
        """Upload the order's pictures and make it a job. A refusal is listed and delivered."""
        if order.key not in self._drafts:
            return  # removed in the meantime
        try:
            ids = {role: client.upload_image(data) for role, data in order.pictures.items()}
            request = replace(order.request, pictures={**order.request.pictures, **ids})
            job = client.generate(request, order.key)
        except SplatsmithError as error:
            self.refuse(order, error.problem)
            return
        del self._drafts[order.key]
        self._keys[job.id] = order.key
        self._listed = (job, *(other for other in self._listed if other.id != job.id))

    def refuse(self, order: Order, problem: Problem) -> None:
        """List `order` as failed, and deliver that."""
        failed = replace(_draft(order), state=JobState.FAILED, problem=problem)
        self._drafts[order.key] = (order, failed)
        self._deliver(Outcome(order.key, failed))

    def again(self, job: str, key: str) -> Order:
        """A new order with the request of `job`, under a new `key`."""
        if job in self._drafts:
            return replace(self._drafts[job][0], key=key)
        (listed,) = [each for each in self._listed if each.id == job]
        return Order(key, from_json(GenerateRequest, listed.request))

    def cancel(self, client: Client, job: str) -> None:
        if self._drafts.pop(job, None) is None:
            client.cancel(job)

    def remove(self, client: Client | None, job: str) -> None:
        """Forget `job`: at the service, and its results here. Objects in scenes stay."""
        if self._drafts.pop(job, None) is None and client is not None:
            client.delete(job)
        self._keys.pop(job, None)
        self._previews.pop(job, None)
        self._listed = tuple(each for each in self._listed if each.id != job)
        shutil.rmtree(self._results / job, ignore_errors=True)

    def fetch(self, client: Client, job: JobStatus) -> Path:
        """The folder with the artifacts of a finished job, all of them fetched."""
        folder = self._results / job.id
        for artifact in job.artifacts:
            client.download(job.id, artifact, folder)
        return folder

    def update(self, client: Client) -> None:
        """Look at the service's jobs; fetch and deliver what has finished."""
        self._listed = client.jobs()
        for job in self._listed:
            if job.state.is_final and job.id in self._keys:
                self._finish(client, job)
            elif job.state is JobState.SUCCEEDED and job.id not in self._previews:
                self._fetch_preview(client, job)

    def _finish(self, client: Client, job: JobStatus) -> None:
        folder = None
        if job.state is JobState.SUCCEEDED:
            folder = self.fetch(client, job)
            self._fetch_preview(client, job)
        self._deliver(Outcome(self._keys.pop(job.id), job, folder))

    def _fetch_preview(self, client: Client, job: JobStatus) -> None:
        for artifact in job.artifacts:
            if artifact.name == PREVIEW:
                self._previews[job.id] = client.download(job.id, artifact, self._results / job.id)


def _draft(order: Order) -> JobStatus:
    request = to_json(order.request)
    assert isinstance(request, dict)
    return JobStatus(
        id=order.key,
        kind=JobKind.GENERATE,
        state=JobState.QUEUED,
        title=order.request.title,
        request=request,
        created=time.time(),
        stage="Sending",
    )
