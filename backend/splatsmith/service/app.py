"""The routes of HTTP v1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from .. import __version__
from ..contract.cards import EngineCard
from ..contract.checkpoints import CheckpointStatus
from ..contract.jsonable import to_json
from ..contract.problems import NotFound
from ..contract.protocol import PROTOCOL_VERSION, Health, JobState, JobStatus
from ..contract.splat_formats import TRAITS, SplatFormat
from ..contract.wire import Upload
from ..engines import registry
from ..settings import MAX_JSON_BYTES
from ..weights import status_of
from .artifacts import DataDirectory
from .event_publisher import EventPublisher
from .job_requests import new_job
from .job_store import JobStore
from .openapi import EVENT_STREAM, JOB_BODY, PROBLEM_RESPONSE, file_body, install_openapi
from .problem_responses import install_handlers
from .scheduler import Scheduler
from .security import AccessMiddleware, AccessPolicy
from .uploads import read_body, receive_cloud, receive_picture, receive_weights

MAX_PAGE = 200


@dataclass(frozen=True)
class ServiceContext:
    """What the routes need: the store, the files, and one scheduler for each kind of worker."""

    store: JobStore
    files: DataDirectory
    scheduler: Scheduler
    download_scheduler: Scheduler
    conversion_scheduler: Scheduler
    events: EventPublisher

    @property
    def schedulers(self) -> tuple[Scheduler, ...]:
        return self.scheduler, self.download_scheduler, self.conversion_scheduler

    def health(self) -> Health:
        """Versions, and the state of the worker."""
        compute = self.scheduler.status
        problems = [each.status.problem for each in self.schedulers if each.status.problem]
        problem = problems[0] if problems else None
        return Health(PROTOCOL_VERSION, __version__, compute.state, compute.device, problem)


def create_app(context: ServiceContext, policy: AccessPolicy) -> FastAPI:
    """The service's ASGI application; the schedulers live as long as it does."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        context.events.start(context.health)
        for each in context.schedulers:
            each.start()
        yield
        for each in (*reversed(context.schedulers), context.events):
            await run_in_threadpool(each.stop)

    app = FastAPI(
        title="Splatsmith",
        summary="A prompt or a picture becomes Gaussian splats, a mesh and points.",
        version=__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # loads scripts from a CDN
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_middleware(AccessMiddleware, policy=policy)
    install_handlers(app)
    install_openapi(app)
    for routes in (
        _status_routes(context),
        _upload_routes(context),
        _job_routes(context),
        _job_list_routes(context),
        _artifact_routes(context),
        _event_routes(context),
    ):
        app.include_router(routes, prefix="/v1", responses={"4XX": PROBLEM_RESPONSE})
    return app


def _status_routes(context: ServiceContext) -> APIRouter:
    routes = APIRouter()

    @routes.get("/health", response_model=Health)
    def health() -> Response:
        """Versions, and the state of the worker."""
        return _json_response(context.health())

    @routes.get("/engines", response_model=list[EngineCard])
    def engines() -> Response:
        """What the engines can do."""
        return _json_response(registry.cards())

    @routes.get("/weights", response_model=list[CheckpointStatus])
    def weights() -> Response:
        """Which of the engines' checkpoints are on this machine."""
        return _json_response([status_of(each) for each in registry.checkpoints().values()])

    return routes


def _upload_routes(context: ServiceContext) -> APIRouter:
    routes = APIRouter()

    @routes.post(
        "/images",
        status_code=201,
        response_model=Upload,
        openapi_extra=file_body("A picture: PNG, JPEG, WebP, TIFF and others."),
    )
    async def post_image(request: Request) -> Response:
        """Upload a picture; its id goes into a request's `pictures`."""
        return _json_response(await receive_picture(request, context.files), 201)

    @routes.post(
        "/clouds",
        status_code=201,
        response_model=Upload,
        openapi_extra=file_body(
            f"A splat file, told by its content: {', '.join(t.title for t in TRAITS.values())}."
        ),
    )
    async def post_cloud(request: Request, format: SplatFormat | None = None) -> Response:
        """Upload a splat file; its id goes into an extraction's `cloud`, a conversion's `clouds`.

        `format` says what it is, should its content not.
        """
        return _json_response(await receive_cloud(request, context.files, format), 201)

    @routes.post(
        "/weights",
        status_code=201,
        response_model=Upload,
        openapi_extra=file_body("A file of weights: safetensors, or a checkpoint of PyTorch."),
    )
    async def post_weights(request: Request) -> Response:
        """Upload a file of weights; its id goes into an import's `upload`."""
        return _json_response(await receive_weights(request, context.files), 201)

    return routes


def _job_routes(context: ServiceContext) -> APIRouter:
    routes = APIRouter()
    store = context.store

    @routes.post("/jobs", status_code=202, response_model=JobStatus, openapi_extra=JOB_BODY)
    async def post_job(
        request: Request, idempotency_key: Annotated[str | None, Header()] = None
    ) -> Response:
        """Queue a job. A second call with the same Idempotency-Key returns the same job."""
        body = await read_body(request, MAX_JSON_BYTES)
        status = await run_in_threadpool(
            lambda: store.add(new_job(body, idempotency_key, context.files))
        )
        return _json_response(status, 202, {"Location": f"/v1/jobs/{status.id}"})

    @routes.get("/jobs/{job_id}", response_model=JobStatus)
    def get_job(job_id: str) -> Response:
        """A job's state, progress and artifacts."""
        return _json_response(store.get(job_id))

    @routes.post("/jobs/{job_id}/cancel", response_model=JobStatus)
    def cancel_job(job_id: str) -> Response:
        """Stop a job; a job that has ended stays as it is."""
        return _json_response(store.cancel(job_id))

    @routes.delete("/jobs/{job_id}", status_code=204)
    def delete_job(job_id: str) -> Response:
        """Delete a job and its files; a running one is stopped."""
        ended = store.get(job_id).state is not JobState.RUNNING
        store.delete(job_id)
        if ended:  # else the scheduler does, once the worker has stopped
            context.files.discard(job_id)
        return Response(status_code=204)

    return routes


def _job_list_routes(context: ServiceContext) -> APIRouter:
    routes = APIRouter()

    @routes.get("/jobs", response_model=list[JobStatus])
    def list_jobs(
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        before: str = "",
        state: JobState | None = None,
    ) -> Response:
        """Jobs, newest first; a Link header leads to older ones."""
        jobs, more = context.store.page(limit, before, state)
        link = f"/v1/jobs?limit={limit}&before={jobs[-1].id}" if more else ""
        link += f"&state={state.value}" if more and state else ""
        return _json_response(jobs, 200, {"Link": f'<{link}>; rel="next"'} if link else {})

    return routes


def _artifact_routes(context: ServiceContext) -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/jobs/{job_id}/artifacts/{name}",
        response_class=FileResponse,
        responses={206: {"description": "The requested range"}},
    )
    def get_artifact(request: Request, job_id: str, name: str) -> Response:
        """A finished file, or a range of it."""
        known = {artifact.name: artifact for artifact in context.store.get(job_id).artifacts}
        if name not in known:
            raise NotFound(f"The job has no artifact {name!r}.", f"It has: {', '.join(known)}.")
        tag = f'"{known[name].sha256}"'
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": tag})
        path = context.files.artifact(job_id, name)
        return FileResponse(path, media_type=known[name].media_type, headers={"ETag": tag})

    return routes


def _event_routes(context: ServiceContext) -> APIRouter:
    routes = APIRouter()

    @routes.get("/events", response_class=StreamingResponse, responses={200: EVENT_STREAM})
    async def get_events(last_event_id: Annotated[str, Header()] = "") -> Response:
        """Jobs, weights and health as they change: server-sent events.

        Last-Event-ID resumes an earlier stream. Without it, or if it is too old, the first event is
        a snapshot of everything.
        """
        loop = asyncio.get_running_loop()
        return await run_in_threadpool(context.events.respond, last_event_id, loop)

    return routes


def _json_response(
    value: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return JSONResponse(to_json(value), status, headers)
