"""The OpenAPI document: JSON Schema of the bodies, generated from the contract's dataclasses."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from ..contract.event_stream import MEDIA_TYPE as EVENT_MEDIA_TYPE
from ..contract.problems import Problem
from ..contract.wire import EVENT_TYPES, REQUEST_TYPES
from .problem_responses import MEDIA_TYPE

BODIES = (*REQUEST_TYPES.values(), *EVENT_TYPES.values(), Problem)
REFERENCE = "#/components/schemas/{model}"

PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "What was wrong and what to do (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}},
}
JOB_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {
                            "type": "object",
                            "title": f"{kind.value} job",
                            "required": ["kind", "request"],
                            "additionalProperties": False,
                            "properties": {
                                "kind": {"const": kind.value},
                                "request": {"$ref": REFERENCE.format(model=body.__name__)},
                            },
                        }
                        for kind, body in REQUEST_TYPES.items()
                    ]
                }
            }
        },
    }
}


EVENT_STREAM: dict[str, Any] = {
    "description": (
        "Server-sent events. The data of each is JSON, its schema by the event's type:"
        f" {', '.join(f'{name} ({kind.__name__})' for name, kind in EVENT_TYPES.items())}."
    ),
    "content": {
        EVENT_MEDIA_TYPE: {
            "schema": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {
                    "oneOf": [
                        {"$ref": REFERENCE.format(model=kind.__name__)}
                        for kind in EVENT_TYPES.values()
                    ]
                },
            }
        }
    },
}


def file_body(description: str) -> dict[str, Any]:
    """The OpenAPI description of a binary request body."""
    schema = {"type": "string", "format": "binary"}
    content = {"application/octet-stream": {"schema": schema}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


def install_openapi(app: FastAPI) -> None:
    """Add the bodies that the routes decode themselves to the app's OpenAPI document."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, routes=app.routes, summary=app.summary
            )
            document["components"]["schemas"] |= _schemas()
            document["components"]["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer"}
            }
            document["security"] = [{"token": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = describe  # FastAPI's documented way to extend the document


def _schemas() -> dict[str, Any]:
    adapters: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (body.__name__, "validation", TypeAdapter(body)) for body in BODIES
    ]
    _, definitions = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE)
    return definitions["$defs"]
