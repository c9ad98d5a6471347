"""Who may speak to the service: those who know its token, and no page in a browser.

A page from elsewhere could reach a service on loopback: by its address, which Origin gives away, or
by a name that its own server points at 127.0.0.1, which Host gives away.
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
    """Raised when a call carries no token, or a wrong one."""

    code = "unauthorized"
    title = "Not allowed"
    status = 401


class Forbidden(SplatsmithError):
    """Raised when a call comes from a web page elsewhere."""

    code = "forbidden"
    title = "Not allowed from there"
    status = 403


@dataclass(frozen=True)
class Guard:
    """What a call must show. `names` are the hosts it may address; empty allows any."""

    names: frozenset[str] = LOOPBACK_NAMES
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def check(self, headers: Headers) -> None:
        """Let a call pass.

        Raises:
            Forbidden: its Host or Origin is not ours.
            Unauthorized: its bearer token is not ours.
        """
        host = headers.get("host", "")
        if self.names and _host_name(host) not in self.names:
            raise Forbidden(f"The service does not answer to the name {host!r}.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Forbidden(f"Calls from {origin!r} are not accepted.")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        known = hmac.compare_digest(token.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not known:
            raise Unauthorized(
                "The call carries no valid token.", "Send the one in the service's state file."
            )


class GuardMiddleware:
    """Asks the guard before anything else sees the call."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no WebSockets here
        try:
            self._guard.check(Headers(scope=scope))
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
