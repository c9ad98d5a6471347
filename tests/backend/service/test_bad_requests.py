"""Bad requests: each is answered with a problem document and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from splatsmith.contract.jsonable import from_json
from splatsmith.contract.problems import Problem
from splatsmith.settings import (
    MAX_CLOUD_BYTES,
    MAX_JSON_BYTES,
    MAX_PICTURE_BYTES,
    MAX_WEIGHTS_BYTES,
)
from tests.backend.service.service_process import RunningService, lattice, running_service

PNG_START = b"\x89PNG\r\n\x1a\n"


def problem_of(response: httpx.Response) -> Problem:
    """The response's problem document, its form checked."""
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document.pop("type") == f"urn:splatsmith:problem:{document['code']}"
    problem = from_json(Problem, document, "problem")
    assert problem.status == response.status_code
    assert problem.title
    assert problem.detail.endswith((".", "?"))
    return problem


def submission(**members: Any) -> dict[str, Any]:
    return {"kind": "generate", "request": {"prompt": "a cube", "engine": "lattice", **members}}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 422, "not JSON"),
        (b"\xff\xfe", 422, "not JSON"),
        (b"[" * 100_000, 422, "nested too deeply"),
        (rb'{"kind": "generate", "request": {"prompt": "a \ud800 chair"}}', 422, "surrogates"),
        (submission(parameters={"pause": 10**400}), 422, "pause is too large"),
        ([], 422, "must be an object"),
        ({}, 422, "lacks 'kind'"),
        ({"kind": "paint", "request": {}}, 422, "'paint'"),
        ({"kind": "generate"}, 422, "lacks 'request'"),
        (submission(prompt=""), 422, "neither a prompt nor a picture"),
        (submission(prompt=" \n "), 422, "neither a prompt nor a picture"),
        (submission(prompt=7), 422, "must be str"),
        (submission(colour="red"), 422, "'colour'"),
        (submission(engine="granite"), 404, "no engine 'granite'"),
        (submission(variant="sphere"), 404, "no variant 'sphere'"),
        (submission(variant="picture"), 422, "takes no text"),
        (submission(parameters={"sparkle": 1}), 422, "no parameter 'sparkle'"),
        (submission(parameters={"seed": 100}), 422, "seed is 100"),
        (submission(parameters={"seed": "one"}), 422, "whole number"),
        (submission(products=[]), 422, "No result"),
        (submission(products=["song"]), 422, "'song'"),
        (submission(pictures={"image": "../jobs.sqlite"}), 404, "no upload"),
        (submission(pictures={"image": "0" * 64}), 404, "no upload"),
        (submission(pictures={"depth": "0" * 64}), 422, "takes no depth"),
        (submission(extraction={"face_budget": 1}), 422, "face_budget"),
        ({"kind": "extract", "request": {"cloud": "0" * 64}}, 404, "no upload"),
        ({"kind": "extract", "request": {"cloud": "0" * 64, "products": []}}, 422, "No result"),
        ({"kind": "extract", "request": {"cloud": "0" * 64, "up": "w"}}, 422, "up"),
        ({"kind": "download", "request": {"engine": "lattice"}}, 422, "nothing to download"),
    ],
)
def test_bad_submission_is_refused(
    service: RunningService, body: object, status: int, words: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    problem = problem_of(service.http.post("/v1/jobs", content=content))

    assert problem.status == status
    assert words in problem.sentence


def test_nan_is_refused(service: RunningService) -> None:
    body = json.dumps(submission(parameters={"pause": float("nan")})).encode()

    assert problem_of(service.http.post("/v1/jobs", content=body)).status == 422


def test_refused_submission_queues_nothing(service: RunningService) -> None:
    before = service.http.get("/v1/jobs").json()
    service.http.post("/v1/jobs", json=submission(prompt=""))

    assert service.http.get("/v1/jobs").json() == before


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_bad_idempotency_key_is_refused(service: RunningService, key: str) -> None:
    response = service.http.post("/v1/jobs", json=submission(), headers={"Idempotency-Key": key})

    assert "Idempotency-Key" in problem_of(response).detail


@pytest.mark.parametrize(
    ("route", "content", "code"),
    [
        ("images", b"", "unreadable-picture"),
        ("images", b"hello", "unreadable-picture"),
        ("images", PNG_START + bytes(100), "unreadable-picture"),
        ("clouds", b"", "unreadable-cloud"),
        ("weights", b"", "invalid-request"),
        ("clouds", b"ply\nformat binary_little_endian 1.0\nelement vertex 9\n", "unreadable-cloud"),
    ],
)
def test_bad_upload_is_refused_and_not_stored(
    service: RunningService, route: str, content: bytes, code: str
) -> None:
    problem = problem_of(service.http.post(f"/v1/{route}", content=content))

    assert (problem.code, problem.status) == (code, 422)
    assert ".incoming" not in problem.detail
    assert list((service.data / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("images", MAX_PICTURE_BYTES),
        ("clouds", MAX_CLOUD_BYTES),
        ("weights", MAX_WEIGHTS_BYTES),
        ("jobs", MAX_JSON_BYTES),
    ],
)
def test_body_with_too_large_content_length_is_refused_unread(
    service: RunningService, path: str, limit: int
) -> None:
    connection = HTTPConnection(httpx.URL(service.connection.url).netloc.decode())
    connection.putrequest("POST", f"/v1/{path}")
    connection.putheader("Authorization", f"Bearer {service.connection.token}")
    connection.putheader("Content-Length", str(limit + 1))
    connection.endheaders()

    with closing(connection), connection.getresponse() as response:
        assert response.status == 413
        assert json.load(response)["code"] == "too-large"


def test_chunked_body_is_limited(service: RunningService) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(2**20)

    with suppress(httpx.TransportError):  # it may hang up while we are still sending
        assert problem_of(service.http.post("/v1/images", content=endless())).status == 413
    assert list((service.data / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["nothing.ply", "%2e%2e", "%2e%2e%2fjob.json", "..%2F..%2Fjobs.sqlite", "job.json%00"]
)
def test_artifact_path_traversal_is_refused(service: RunningService, name: str) -> None:
    job = service.run(lattice())

    response = service.http.get(f"/v1/jobs/{job.id}/artifacts/{name}")

    assert problem_of(response).status == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v2/jobs", 404),
        ("GET", "/docs", 404),
        ("PUT", "/v1/jobs", 405),
        ("GET", "/v1/jobs/unknown", 404),
        ("POST", "/v1/jobs/unknown/cancel", 404),
        ("GET", "/v1/jobs?limit=0", 422),
        ("GET", "/v1/jobs?limit=many", 422),
        ("GET", "/v1/jobs?state=odd", 422),
        ("GET", "/v1/jobs?before=unknown", 404),
    ],
)
def test_every_error_is_a_problem_document(
    service: RunningService, method: str, path: str, status: int
) -> None:
    assert problem_of(service.http.request(method, path)).status == status


def test_unavailable_device_fails_the_job_with_its_name(data: Path) -> None:
    with running_service(data, "--device", "cuda:77") as service:
        job = service.run(lattice())

    assert job.problem is not None
    assert "cuda:77" in job.problem.detail
