"""Access control: a bearer token, and checks of Host and Origin.

Without these checks a web page could reach the service on loopback: by a cross-origin request,
which its Origin shows, or by DNS rebinding (a foreign name that resolves to 127.0.0.1), which its
Host shows.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ..contract.problems import SplatsmithError
from .problem_responses import problem_response

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


class Unauthorized(SplatsmithError):
    """Raised when a request carries no token, or a wrong one."""

    code = "unauthorized"
    title = "Not allowed"
    status = 401


class Forbidden(SplatsmithError):
    """Raised when a request has a foreign Host or Origin."""

    code = "forbidden"
    title = "Not allowed from there"
    status = 403


@dataclass(frozen=True)
class AccessPolicy:
    """What a request must carry. `allowed_hosts`: names in its Host header; empty allows any."""

    allowed_hosts: frozenset[str] = LOOPBACK_NAMES
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def check(self, headers: Headers) -> None:
        """Check the headers of a request.

        Raises:
            Forbidden: its Host is not allowed, or its Origin is another host.
            Unauthorized: its bearer token is absent or wrong.
        """
        host = headers.get("host", "")
        if self.allowed_hosts and _host_name(host) not in self.allowed_hosts:
            names = ", ".join(sorted(self.allowed_hosts))
            raise Forbidden(
                f"The service does not answer to the name {host!r}.",
                f"Call it by one of these: {names}. To reach it from other machines, start it with "
                "--listen.",
            )
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != host:
            raise Forbidden(
                f"Calls from {origin!r} are not accepted.",
                "Call from a program or a script: a page of another server is not let in.",
            )
        scheme, _, token = headers.get("authorization", "").partition(" ")
        known = hmac.compare_digest(token.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not known:
            raise Unauthorized(
                "The call carries no valid token.", "Send the one in the service's state file."
            )


def _netloc(origin: str) -> str | None:
    """The host and port of an Origin; None if it is no URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


class AccessMiddleware:
    """Checks every HTTP request before any other code; closes WebSocket requests."""

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        try:
            self._policy.check(Headers(scope=scope))
        except SplatsmithError as error:
            await problem_response(error.problem)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _host_name(host: str) -> str:
    """The name in a Host header, without its port: "[::1]:80" has "::1"."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
