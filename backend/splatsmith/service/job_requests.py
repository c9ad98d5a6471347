"""From a body of POST /v1/jobs to a job that can be queued: decoded, completed, checked."""

from __future__ import annotations

import json

from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest
from ..contract.protocol import DownloadRequest, ExtractRequest, GenerateRequest
from ..contract.wire import AnyRequest, JobOrder
from ..engines import registry
from ..weights import require
from ..weights.licences import accept, check_accepted
from .artifacts import DataFolder
from .job_store import NewJob

MAX_KEY_CHARACTERS = 200


def new_job(body: bytes, key: str | None, files: DataFolder) -> NewJob:
    """The job that `body` orders, every default filled in.

    Raises:
        InvalidRequest: it is not a job order, or asks for what cannot be done.
        NotFound: it names an engine, variant, checkpoint or upload that does not exist.
        WeightsMissing, WeightsDamaged: it needs a checkpoint that is not here, or not whole.
        LicenceNotAccepted: it is to download one whose licence is still to be accepted.
    """
    order = from_json(JobOrder, _parsed(body), "body")
    request = _completed(order.decoded())
    for upload in order.uploads().values():
        files.upload(upload)
    if key is not None and not 0 < len(key) <= MAX_KEY_CHARACTERS:
        raise InvalidRequest(
            "The Idempotency-Key is too long, or empty.",
            f"It may have 1 to {MAX_KEY_CHARACTERS} characters.",
        )
    members = to_json(request)
    assert isinstance(members, dict)
    return NewJob(order.kind, members, request.title, key)


def _completed(request: AnyRequest) -> AnyRequest:
    match request:
        case GenerateRequest():
            return _possible(request.completed(registry.card(request.engine)))
        case ExtractRequest():
            if not request.products:
                raise InvalidRequest("No result was asked for.", "Choose mesh or points.")
            return request
        case DownloadRequest():
            return _permitted(request.completed(registry.card(request.engine)))


def _possible(request: GenerateRequest) -> GenerateRequest:
    """Refuse now what would fail for want of weights once the engine is loaded."""
    variant = registry.card(request.engine).variant(request.variant)
    require(variant.required_checkpoints(request.conditions, request.parameters))
    return request


def _permitted(request: DownloadRequest) -> DownloadRequest:
    """Refuse a download under licences that are not accepted; remember those that now are."""
    variant = registry.card(request.engine).variant(request.variant)
    wanted = [each for each in variant.checkpoints if each.id in request.checkpoints]
    if request.accept_licence:
        accept(each.licence for each in wanted)
    check_accepted(wanted)
    return request


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError as error:
        raise InvalidRequest(
            f"The body is not JSON: {error}.", 'Send {"kind": "generate", "request": {...}}.'
        ) from error
