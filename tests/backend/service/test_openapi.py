"""The OpenAPI document agrees with the routes and the contract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from splatsmith import service as service_package
from splatsmith.contract.problems import SplatsmithError
from splatsmith.contract.protocol import JobState, JobStatus
from splatsmith.contract.wire import EVENT_TYPES, REQUEST_TYPES
from splatsmith.service import server  # noqa: F401  its modules define errors
from tests.backend.service.service_process import RunningService

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(service: RunningService) -> Document:
    return service.http.get("/v1/openapi.json").json()


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_document_is_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["security"] == [{"token": []}]


def test_document_has_the_routes_of_the_package_docstring(document: Document) -> None:
    text = service_package.__doc__ or ""
    named = {
        (method.lower(), path)
        for line in re.findall(r"^    (?:GET|POST|DELETE) .*$", text, re.MULTILINE)
        for method, *paths in [line.split()[:3]]
        for path in paths
        if path.startswith("/v1/") and path != "/v1/openapi.json"
    }
    described = {
        (method, path.replace("job_id", "id"))
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert described == named


def test_guide_has_every_route(document: Document, project: Path) -> None:
    text = (project / "docs" / "http.md").read_text("utf-8")
    headings = re.findall(r"^### (GET|POST|DELETE) (\S+)$", text, re.MULTILINE)
    described = {
        (method, path.replace("job_id", "id"))
        for path, methods in document["paths"].items()
        for method in methods
    }

    assert {(method.lower(), path) for method, path in headings} == described


def test_guide_has_every_problem_code(project: Path) -> None:
    text = (project / "docs" / "http.md").read_text("utf-8")
    table = {
        code: status for code, status in re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", text, re.M)
    }

    for kind in error_classes(SplatsmithError):
        assert table.get(kind.code) == str(kind.status), kind


def error_classes(base: type[SplatsmithError]) -> Iterator[type[SplatsmithError]]:
    yield base
    for kind in base.__subclasses__():
        if kind.__module__.startswith("splatsmith."):
            yield from error_classes(kind)


def test_events_are_a_stream_of_the_payload_types(document: Document) -> None:
    answer = document["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]

    schemas = answer["text/event-stream"]["schema"]["contentSchema"]["oneOf"]
    names = [schema["$ref"].rpartition("/")[2] for schema in schemas]
    assert names == [kind.__name__ for kind in EVENT_TYPES.values()]


def test_every_reference_resolves(document: Document) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert set(references(document)) <= known


@pytest.mark.parametrize(
    "kind",
    [*REQUEST_TYPES.values(), JobStatus, *EVENT_TYPES.values()],
)
def test_body_schemas_have_the_fields_of_their_dataclass(document: Document, kind: type) -> None:
    schema = document["components"]["schemas"][kind.__name__]

    assert set(schema["properties"]) == {field.name for field in fields(kind)}


def test_job_submission_is_one_of_the_kinds(document: Document) -> None:
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]
    kinds = body["content"]["application/json"]["schema"]["oneOf"]

    assert [kind["properties"]["kind"]["const"] for kind in kinds] == [
        "generate", "extract", "convert", "download", "import",
    ]  # fmt: skip


def test_job_states_are_an_enum(document: Document) -> None:
    assert document["components"]["schemas"]["JobState"]["enum"] == [s.value for s in JobState]


def test_every_route_describes_problem_documents(document: Document) -> None:
    for methods in document["paths"].values():
        for route in methods.values():
            assert "application/problem+json" in route["responses"]["4XX"]["content"]
