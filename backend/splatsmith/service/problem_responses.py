"""RFC 9457 problem documents: the form of every error response."""

from __future__ import annotations

import logging
import sqlite3

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from ..contract.jsonable import to_json
from ..contract.problems import Problem, SplatsmithError
from ..errors import to_problem

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# The request's body may be endless: the connection is closed instead of read to its end.
STATUSES_WITH_UNREAD_BODY = {401, 403, 413}
HTTP_PROBLEMS = {
    404: ("not-found", "There is nothing at {path}.", "See /v1/openapi.json for what there is."),
    405: (
        "not-allowed",
        "{path} does not take {method}.",
        "See /v1/openapi.json for what it takes.",
    ),
}


def problem_response(problem: Problem) -> JSONResponse:
    """The problem as an HTTP response with its status."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    if problem.status in STATUSES_WITH_UNREAD_BODY:
        headers["Connection"] = "close"
    document = {"type": f"urn:splatsmith:problem:{problem.code}", **_members(problem)}
    return JSONResponse(document, problem.status, headers, MEDIA_TYPE)


def install_handlers(app: FastAPI) -> None:
    """Turn every exception of a route into a problem document."""
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_query)
    # Starlette re-raises a plain Exception to the server even when a handler answered it.
    for kind in (SplatsmithError, OSError, sqlite3.Error, MemoryError, Exception):
        app.add_exception_handler(kind, _on_error)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code, detail, remedy = HTTP_PROBLEMS.get(error.status_code, ("http", str(error.detail), ""))
    place = {"path": request.url.path, "method": request.method}
    response = problem_response(
        Problem(code, str(error.detail), detail.format(**place), remedy, error.status_code)
    )
    response.headers.update(error.headers or {})
    return response


async def _on_invalid_query(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return problem_response(
        Problem(
            "invalid-request",
            "The request cannot be carried out",
            f"{where} is {first.get('input')!r}: {first['msg'].lower()}.",
            "See /v1/openapi.json for what it may be.",
            422,
        )
    )


async def _on_error(_request: Request, error: Exception) -> JSONResponse:
    problem = to_problem(error)
    if problem.code == SplatsmithError.code:
        log.error("a route failed", exc_info=error)
    return problem_response(problem)


def _members(problem: Problem) -> dict[str, object]:
    members = to_json(problem)
    assert isinstance(members, dict)
    return members
