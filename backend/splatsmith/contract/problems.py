"""Errors for users, the same in the panel, on the command line and over HTTP.

Every error a user may see is a `SplatsmithError`: one sentence on what was wrong and one on what to
do. `Problem` is its form on the wire, an RFC 9457 problem document with two members of our own,
`code` (stable, for programs) and `remedy` (what to do, for people).

    SplatsmithError
    |- InvalidRequest        an invalid or incomplete request
    |  '- NotFound           it names something that does not exist
    |- UnreadableCloud       a file that is not a splat (or point) file, or is damaged
    '- (the backend's own)   see splatsmith.errors
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

_SURROGATES = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """`text` as every output can carry it: bytes of a file's name that are no UTF-8 are replaced.

    Python keeps such bytes as halves of surrogate pairs, which no encoding takes.
    """
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True)
class Problem:
    """An error as it travels: HTTP's problem document, a failed job's reason."""

    code: str
    title: str
    detail: str
    remedy: str = ""
    status: int = 400

    @property
    def sentence(self) -> str:
        """What was wrong and what to do, for a person."""
        return f"{self.detail} {self.remedy}".strip()


class SplatsmithError(Exception):
    """Base of every error meant for a user's eyes."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, remedy: str = "") -> None:
        self.detail = clean_text(detail)
        self.remedy = clean_text(remedy)
        super().__init__(f"{self.detail} {self.remedy}".strip())

    @property
    def problem(self) -> Problem:
        return Problem(self.code, self.title, self.detail, self.remedy, self.status)


class InvalidRequest(SplatsmithError):
    """Raised when a request is malformed, incomplete or out of range."""

    code = "invalid-request"
    title = "The request cannot be carried out"
    status = 422


class NotFound(InvalidRequest):
    """Raised when a request names an engine, job, picture or artifact that does not exist."""

    code = "not-found"
    title = "No such thing"
    status = 404


class UnreadableCloud(SplatsmithError):
    """Raised when a file is not a Gaussian splat file, or is cut off or damaged."""

    code = "unreadable-cloud"
    title = "The splat file cannot be read"
    status = 422
