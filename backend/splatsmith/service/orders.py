"""From a body of POST /v1/jobs to a job that can be queued: decoded, completed, checked."""

from __future__ import annotations

import json

from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest
from ..contract.protocol import DownloadRequest, ExtractRequest, GenerateRequest
from ..contract.wire import AnyRequest, JobOrder
from ..engines import registry
from .files import DataFolder
from .jobs import NewJob

MAX_KEY_CHARACTERS = 200


def new_job(body: bytes, key: str | None, files: DataFolder) -> NewJob:
    """The job that `body` orders, every default filled in.

    Raises:
        InvalidRequest: it is not a job order, or asks for what cannot be done.
        NotFound: it names an engine, variant or upload that does not exist.
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
            return request.completed(registry.card(request.engine))
        case ExtractRequest():
            if not request.products:
                raise InvalidRequest("No result was asked for.", "Choose mesh or points.")
            return request
        case DownloadRequest():
            variant = registry.card(request.engine).variant(request.variant)
            raise InvalidRequest(
                f"There is nothing to download for {variant.title}.", "It is ready to be used."
            )


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError as error:
        raise InvalidRequest(
            f"The body is not JSON: {error}.", 'Send {"kind": "generate", "request": {...}}.'
        ) from error
