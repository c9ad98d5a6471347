"""The address of a service and its bearer token."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..contract.problems import SplatsmithError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
EXAMPLE = "Write it like http://studio:8000."


class InvalidAddress(SplatsmithError):
    """Raised when an address or a token cannot be used for HTTP requests."""

    code = "invalid-address"
    title = "The backend's address cannot be used"
    status = 422


class InvalidProxy(SplatsmithError):
    """Raised when the proxy of the system's settings cannot be used for a remote service."""

    code = "invalid-proxy"
    title = "The proxy cannot be used"
    status = 502

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names cannot be used: {reason}.",
            "Set them to an HTTP proxy, or name the backend's machine in NO_PROXY.",
        )


@dataclass(frozen=True)
class Address:
    """Where a service listens, and the bearer token that it requires."""

    url: str
    token: str = field(repr=False)

    @property
    def is_loopback(self) -> bool:
        return urlsplit(self.url).hostname in LOOPBACK

    def check(self) -> None:
        """Refuse an address that no request can be sent to.

        Raises:
            InvalidAddress: scheme, host, port or token is missing or malformed.
        """
        if not self.url.lower().startswith(("http://", "https://")):
            raise InvalidAddress(
                f"The address {self.url!r} does not begin with http:// or https://.", EXAMPLE
            )
        if self.url != "".join(self.url.split()):
            raise InvalidAddress(f"The address {self.url!r} contains a blank.", EXAMPLE)
        if not _hostname(self.url):
            raise InvalidAddress(f"The address {self.url!r} has no host.", EXAMPLE)
        if not _has_valid_port(self.url):
            raise InvalidAddress(
                f"The port in {self.url!r} is not a number from 1 to 65535.", EXAMPLE
            )
        if not (self.token.isascii() and self.token.isprintable()):
            raise InvalidAddress(
                "The token contains a line break or another character that cannot be sent.",
                "Copy it again, in one line.",
            )


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # a bracket of an IPv6 address is missing
        return ""


def _has_valid_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False
