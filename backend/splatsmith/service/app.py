"""The routes of HTTP v1."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response

from .. import __version__
from ..contract.cards import EngineCard
from ..contract.checkpoints import CheckpointStatus
from ..contract.jsonable import to_json
from ..contract.problems import NotFound
from ..contract.protocol import PROTOCOL_VERSION, Health, JobState, JobStatus
from ..contract.wire import Upload
from ..engines import registry
from ..settings import MAX_JSON_BYTES
from ..weights import status_of
from .artifacts import DataFolder
from .job_requests import new_job
from .job_store import JobStore
from .openapi import ORDER_BODY, PROBLEM_ANSWER, file_body, install_openapi
from .problem_responses import install_handlers
from .scheduler import Supervisor
from .security import Guard, GuardMiddleware
from .uploads import read_body, take_cloud, take_picture

MAX_PAGE = 200


@dataclass(frozen=True)
class House:
    """What the routes stand on."""

    store: JobStore
    files: DataFolder
    supervisor: Supervisor
    downloads: Supervisor


def create_app(house: House, guard: Guard) -> FastAPI:
    """The service's ASGI application; the supervisors live as long as it does."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        for each in (house.supervisor, house.downloads):
            each.start()
        yield
        for each in (house.downloads, house.supervisor):
            await run_in_threadpool(each.stop)

    app = FastAPI(
        title="Splatsmith",
        summary="A prompt or a picture becomes Gaussian splats, a mesh and points.",
        version=__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # their scripts come from elsewhere
        redoc_url=None,
        lifespan=life,
    )
    app.add_middleware(GuardMiddleware, guard=guard)
    install_handlers(app)
    install_openapi(app)
    for routes in (_about(house), _uploads(house), _jobs(house), _listing(house), _results(house)):
        app.include_router(routes, prefix="/v1", responses={"4XX": PROBLEM_ANSWER})
    return app


def _about(house: House) -> APIRouter:
    routes = APIRouter()

    @routes.get("/health", response_model=Health)
    def health() -> Response:
        """Who answers, and the state of its worker."""
        supervisor = house.supervisor
        return _json(
            Health(PROTOCOL_VERSION, __version__, supervisor.worker_state, supervisor.device)
        )

    @routes.get("/engines", response_model=list[EngineCard])
    def engines() -> Response:
        """What the engines can do."""
        return _json(registry.cards())

    @routes.get("/weights", response_model=list[CheckpointStatus])
    def weights() -> Response:
        """Which of the engines' checkpoints are on this machine."""
        return _json([status_of(each) for each in registry.checkpoints().values()])

    return routes


def _uploads(house: House) -> APIRouter:
    routes = APIRouter()

    @routes.post(
        "/images",
        status_code=201,
        response_model=Upload,
        openapi_extra=file_body("A picture: PNG, JPEG, WebP, TIFF and others."),
    )
    async def post_image(request: Request) -> Response:
        """Take a picture in; its id goes into a request's `pictures`."""
        return _json(await take_picture(request, house.files), 201)

    @routes.post(
        "/clouds",
        status_code=201,
        response_model=Upload,
        openapi_extra=file_body("A Gaussian splat PLY file."),
    )
    async def post_cloud(request: Request) -> Response:
        """Take a splat file in; its id goes into an extraction's `cloud`."""
        return _json(await take_cloud(request, house.files), 201)

    return routes


def _jobs(house: House) -> APIRouter:
    routes = APIRouter()
    store = house.store

    @routes.post("/jobs", status_code=202, response_model=JobStatus, openapi_extra=ORDER_BODY)
    async def post_job(
        request: Request, idempotency_key: Annotated[str | None, Header()] = None
    ) -> Response:
        """Queue a job. The same Idempotency-Key again answers with the same job."""
        body = await read_body(request, MAX_JSON_BYTES)
        status = await run_in_threadpool(
            lambda: store.add(new_job(body, idempotency_key, house.files))
        )
        return _json(status, 202, {"Location": f"/v1/jobs/{status.id}"})

    @routes.get("/jobs/{job_id}", response_model=JobStatus)
    def get_job(job_id: str) -> Response:
        """A job's state, progress and artifacts."""
        return _json(store.get(job_id))

    @routes.post("/jobs/{job_id}/cancel", response_model=JobStatus)
    def cancel_job(job_id: str) -> Response:
        """Stop a job; a job that has ended stays as it is."""
        return _json(store.cancel(job_id))

    @routes.delete("/jobs/{job_id}", status_code=204)
    def delete_job(job_id: str) -> Response:
        """Forget a job and remove its files; one under way is stopped."""
        ended = store.get(job_id).state is not JobState.RUNNING
        store.remove(job_id)
        if ended:  # else the supervisor does, when the worker has let go of them
            house.files.discard(job_id)
        return Response(status_code=204)

    return routes


def _listing(house: House) -> APIRouter:
    routes = APIRouter()

    @routes.get("/jobs", response_model=list[JobStatus])
    def list_jobs(
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        before: str = "",
        state: JobState | None = None,
    ) -> Response:
        """Jobs, newest first; a Link header leads to older ones."""
        jobs, more = house.store.page(limit, before, state)
        link = f"/v1/jobs?limit={limit}&before={jobs[-1].id}" if more else ""
        link += f"&state={state.value}" if more and state else ""
        return _json(jobs, 200, {"Link": f'<{link}>; rel="next"'} if link else {})

    return routes


def _results(house: House) -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/jobs/{job_id}/artifacts/{name}",
        response_class=FileResponse,
        responses={206: {"description": "The range that was asked for"}},
    )
    def get_artifact(request: Request, job_id: str, name: str) -> Response:
        """A finished file, or a range of it."""
        known = {artifact.name: artifact for artifact in house.store.get(job_id).artifacts}
        if name not in known:
            raise NotFound(f"The job has no artifact {name!r}.", f"It has: {', '.join(known)}.")
        tag = f'"{known[name].sha256}"'
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": tag})
        path = house.files.artifact(job_id, name)
        return FileResponse(path, media_type=known[name].media_type, headers={"ETag": tag})

    return routes


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(to_json(value), status, headers)
