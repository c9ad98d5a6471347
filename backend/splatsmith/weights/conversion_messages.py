"""Messages between `weights.conversion` and its child process: one JSON array a line.

parent -> child   OpenPickle, then WriteTensors
child -> parent   PickleContent, then TensorsWritten ... and ConversionDone; or ConversionFailed
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..contract.jsonable import from_json, to_json
from ..contract.problems import Problem


@dataclass(frozen=True)
class OpenPickle:
    """Read the file at `path`."""

    path: str


@dataclass(frozen=True)
class PickleContent:
    """Content of the pickle's dictionary; a nested dictionary's member is named "outer/inner".

    shapes: of its tensors, by name. others: names of what is no tensor.
    """

    shapes: dict[str, tuple[int, ...]]
    others: tuple[str, ...]


@dataclass(frozen=True)
class WriteTensors:
    """Write a safetensors file; `stored_names`: of its tensors, the name to store, by their own."""

    target: str
    stored_names: dict[str, str]


@dataclass(frozen=True)
class TensorsWritten:
    """So many bytes of so many are written."""

    written_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class ConversionDone:
    """The target is complete, with this digest."""

    sha256: str


@dataclass(frozen=True)
class ConversionFailed:
    problem: Problem


Message = (
    OpenPickle | PickleContent | WriteTensors | TensorsWritten | ConversionDone | ConversionFailed
)

_TYPES: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        OpenPickle,
        PickleContent,
        WriteTensors,
        TensorsWritten,
        ConversionDone,
        ConversionFailed,
    )
}


def encode(message: Message) -> str:
    """`message` as one line of JSON, with its newline."""
    return json.dumps([type(message).__name__, to_json(message)]) + "\n"


def decode(line: str) -> Message:
    """The inverse of `encode`.

    Raises:
        ValueError: the line is cut off.
    """
    kind, members = json.loads(line)
    return from_json(_TYPES[kind], members, kind)
