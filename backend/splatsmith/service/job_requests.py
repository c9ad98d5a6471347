"""From a body of POST /v1/jobs to a job for the queue: decoded, validated, defaults filled in."""

from __future__ import annotations

import json

from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest
from ..contract.protocol import (
    ConvertRequest,
    DownloadRequest,
    ExtractRequest,
    GenerateRequest,
    ImportRequest,
)
from ..contract.wire import AnyRequest, JobSubmission
from ..engines import registry
from ..files import upload_path
from ..weights import require
from ..weights.licences import accept, check_accepted
from .artifacts import DataDirectory
from .job_rows import NewJob

MAX_KEY_CHARACTERS = 200


def new_job(body: bytes, key: str | None, files: DataDirectory) -> NewJob:
    """The job that `body` describes, with every default filled in.

    Raises:
        InvalidRequest: it is not a JobSubmission, or cannot be fulfilled.
        NotFound: it names an engine, variant, checkpoint or upload that does not exist.
        WeightsMissing, WeightsDamaged: a required checkpoint is absent or incomplete.
        LicenceNotAccepted: a checkpoint to download has a licence that is not accepted.
    """
    submission = from_json(JobSubmission, _parse_json(body), "body")
    request = _validate(submission.decode())
    for upload in _uploads_of(request):
        upload_path(files.uploads, upload)
    if key is not None and not 0 < len(key) <= MAX_KEY_CHARACTERS:
        raise InvalidRequest(
            "The Idempotency-Key is too long, or empty.",
            f"It may have 1 to {MAX_KEY_CHARACTERS} characters.",
        )
    members = to_json(request)
    assert isinstance(members, dict)
    return NewJob(submission.kind, members, request.title, key, submission.client_data)


def _validate(request: AnyRequest) -> AnyRequest:
    match request:
        case GenerateRequest():
            return _check_weights(request.completed(registry.card(request.engine)))
        case ExtractRequest():
            if not request.products:
                raise InvalidRequest("No result was asked for.", "Choose mesh or points.")
            return request
        case ConvertRequest():
            return request.completed()
        case DownloadRequest():
            return _check_licences(request.completed(registry.card(request.engine)))
        case ImportRequest():
            return request.completed(registry.card(request.engine))


def _uploads_of(request: AnyRequest) -> tuple[str, ...]:
    match request:
        case GenerateRequest():
            return tuple(request.pictures.values())
        case ExtractRequest():
            return (request.cloud,)
        case ConvertRequest():
            return request.clouds
        case ImportRequest():
            return (request.upload,)
        case DownloadRequest():
            return ()


def _check_weights(request: GenerateRequest) -> GenerateRequest:
    """Raise now what loading the engine would raise: missing weights."""
    variant = registry.card(request.engine).variant(request.variant)
    require(variant.required_checkpoints(request.conditions, request.parameters))
    return request


def _check_licences(request: DownloadRequest) -> DownloadRequest:
    """Refuse a download under licences that are not accepted; store newly accepted ones."""
    variant = registry.card(request.engine).variant(request.variant)
    wanted = [each for each in variant.checkpoints if each.id in request.checkpoints]
    if request.accept_licence:
        accept(each.licence for each in wanted)
    check_accepted(wanted)
    return request


def _parse_json(body: bytes) -> object:
    remedy = 'Send {"kind": "generate", "request": {...}}.'
    try:
        value = json.loads(body)
        json.dumps(value, ensure_ascii=False).encode()  # refuses halves of surrogate pairs
    except ValueError as error:
        raise InvalidRequest(f"The body is not JSON of valid text: {error}.", remedy) from error
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.", remedy) from error
    return value
