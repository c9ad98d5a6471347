"""Orders under way: sent to the service, watched there, and fetched when they are done."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..contract.artifacts import PREVIEW, SPLATS
from ..contract.cloud import write_cloud
from ..contract.jsonable import from_json, to_json
from ..contract.problems import NotFound, Problem, SplatsmithError
from ..contract.protocol import ExtractRequest, GenerateRequest, JobState, JobStatus
from ..contract.wire import REQUEST_TYPES, AnyRequest
from .client import Client, job_kind
from .snapshot import Order, Outcome


class OrderBook:
    """The orders of this Blender and the service's jobs.

    results: gets a folder for each finished job. deliver: is told of each order's end.
    """

    def __init__(self, results: Path, deliver: Callable[[Outcome], None]) -> None:
        self._results = results
        self._deliver = deliver
        self._drafts: dict[str, tuple[Order, JobStatus]] = {}  # not at the service (yet)
        self._jobs: dict[str, str] = {}  # by an order's key: its job
        self._keys: dict[str, str] = {}  # by job: the order's key, until it is delivered
        self._listed: tuple[JobStatus, ...] = ()
        self._previews: dict[str, Path] = {}
        self._stopping: set[str] = set()  # jobs that the service was told to cancel

    @property
    def jobs(self) -> tuple[JobStatus, ...]:
        """Newest first, drafts among them."""
        drafts = [job for _, job in list(self._drafts.values())]
        listed = map(self._as_told, self._listed)
        return tuple(sorted([*drafts, *listed], key=lambda job: -job.created))

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
        """Upload what the order needs and make it a job. A refusal is listed and delivered.

        Raises:
            OSError: the splats cannot be written.
        """
        if order.key not in self._drafts:
            return  # removed in the meantime
        try:
            job = client.submit(_upload(client, order), order.key)
        except SplatsmithError as error:
            self.refuse(order, error.problem)
            return
        del self._drafts[order.key]
        self._jobs[order.key], self._keys[job.id] = job.id, order.key
        self._listed = (job, *(other for other in self._listed if other.id != job.id))

    def refuse(self, order: Order, problem: Problem) -> None:
        """List `order` as failed, and deliver that."""
        failed = replace(_draft(order), state=JobState.FAILED, problem=problem)
        self._drafts[order.key] = (order, failed)
        self._deliver(Outcome(order.key, failed))

    def again(self, name: str, key: str) -> Order:
        """A new order with the request of a job or an order, under a new `key`."""
        if name in self._drafts:
            return replace(self._drafts[name][0], key=key)
        job = self.find(name)
        return Order(key, from_json(REQUEST_TYPES[job.kind], job.request))

    def cancel(self, client: Client, name: str) -> None:
        """Stop the job of that id, or the order of that key."""
        draft = self._drafts.pop(name, None)
        if draft is None:
            job = self._jobs.get(name, name)
            self._stopping.add(job)
            client.cancel(job)
        else:
            self._deliver(Outcome(name, replace(draft[1], state=JobState.CANCELLED)))

    def remove(self, client: Client | None, name: str) -> None:
        """Forget a job or an order: at the service, and its results here. Objects stay."""
        job = self.find(name)
        if self._drafts.pop(job.id, None) is None and client is not None:
            client.delete(job.id)
        self._previews.pop(job.id, None)
        shutil.rmtree(self._results / job.id, ignore_errors=True)
        self._listed = tuple(each for each in self._listed if each.id != job.id)
        if job.id in self._keys:
            self._deliver(Outcome(self._keys.pop(job.id), replace(job, state=JobState.CANCELLED)))

    def find(self, name: str) -> JobStatus:
        """The job of that id, or of the order of that key.

        Raises:
            NotFound: there is none, perhaps any more.
        """
        wanted = self._jobs.get(name, name)
        for job in self.jobs:
            if job.id == wanted:
                return job
        raise NotFound("This job is not there any more.", "Order it again.")

    def fetch(self, client: Client, job: JobStatus) -> Path:
        """The folder with the artifacts of a finished job, all of them fetched."""
        folder = self._results / job.id
        for artifact in job.artifacts:
            client.download(job.id, artifact, folder)
        return folder

    def update(self, client: Client) -> None:
        """Look at the service's jobs; fetch and deliver what has finished."""
        self._listed = client.jobs()
        unlisted = set(self._keys) - {job.id for job in self._listed}
        for job in (*self._listed, *map(client.job, unlisted)):
            if job.state.is_final and job.id in self._keys:
                self._finish(client, job)
            elif job.state is JobState.SUCCEEDED and job.id not in self._previews:
                self._fetch_preview(client, job)

    def _as_told(self, job: JobStatus) -> JobStatus:
        """`job`, and that it is being cancelled: a worker in the midst of a step takes a while."""
        stopping = job.id in self._stopping and not job.state.is_final
        return replace(job, stage="Cancelling") if stopping else job

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


def _upload(client: Client, order: Order) -> AnyRequest:
    """The order's request with the ids of what it needs."""
    match order.request:
        case GenerateRequest() as request:
            ids = {role: client.upload_image(data) for role, data in order.pictures.items()}
            return replace(request, pictures={**request.pictures, **ids})
        case ExtractRequest() as request if order.cloud is not None:
            with TemporaryDirectory(prefix="splatsmith-") as folder:
                path = Path(folder) / SPLATS
                write_cloud(path, order.cloud())
                return replace(request, cloud=client.upload_cloud(path))
        case request:
            return request


def _draft(order: Order) -> JobStatus:
    request = to_json(order.request)
    assert isinstance(request, dict)
    return JobStatus(
        id=order.key,
        kind=job_kind(order.request),
        state=JobState.QUEUED,
        title=order.request.title,
        request=request,
        created=time.time(),
        stage="Sending",
    )
