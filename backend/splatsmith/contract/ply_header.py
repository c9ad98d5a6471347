"""The header of a PLY file: its elements, their properties, its comments.

Lines end as the first one does, at a line feed, at both or at a carriage return alone, and only
there: what Python takes for a line's end in text may be part of a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

import numpy as np

from .problems import UnreadableCloud

_MAX_KEPT_BYTES = 1 << 16  # of the lines that count, and as much again of comments
_FIRST_LINE = re.compile(rb"(?:\xef\xbb\xbf)?ply[ \t]*(\r\n|\n|\r)")
_BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_TYPE_NAMES = {  # those of the standard, and those that many writers use
    "i1": ("char", "int8"),
    "u1": ("uchar", "uint8"),
    "i2": ("short", "int16"),
    "u2": ("ushort", "uint16"),
    "i4": ("int", "int32"),
    "u4": ("uint", "uint32"),
    "i8": ("int64",),
    "u8": ("uint64",),
    "f2": ("half", "float16"),
    "f4": ("float", "float32"),
    "f8": ("double", "float64"),
}
_TYPES = {name: kind for kind, names in _TYPE_NAMES.items() for name in names}


class DamagedRows(Exception):  # noqa: N818  (a condition, which the caller words for its file)
    """Raised when rows are not what the header says; the message says how."""


class RowsCutOff(DamagedRows):
    """Raised when the file ends before its last row."""


@dataclass(frozen=True)
class Property:
    """One value of a row, or a list of them.

    Attributes:
        kind: the value's type as numpy names it, without byte order: "f4".
        count_kind: the type of a list's length; empty if it is no list.
    """

    name: str
    kind: str
    count_kind: str = ""

    @property
    def least_bytes(self) -> int:
        """The size of the value, or of an empty list."""
        return np.dtype(self.count_kind or self.kind).itemsize


@dataclass(frozen=True)
class Element:
    """Rows of equal properties, such as "vertex"."""

    name: str
    count: int
    properties: tuple[Property, ...] = ()

    @property
    def has_lists(self) -> bool:
        return any(each.count_kind for each in self.properties)

    @property
    def values(self) -> tuple[Property, ...]:
        """The properties that are no lists."""
        return tuple(each for each in self.properties if not each.count_kind)

    @property
    def least_bytes(self) -> int:
        """The size of a row, if its lists were empty."""
        return sum(each.least_bytes for each in self.properties)

    def dtype(self, byte_order: str) -> np.dtype[np.void]:
        """A row without lists.

        Raises:
            ValueError: two properties have one name.
        """
        return np.dtype([(each.name, byte_order + each.kind) for each in self.values])


@dataclass(frozen=True)
class Header:
    """Attributes:
    byte_order: "<" or ">"; empty for a file of text.
    offset: where the data begins.
    """

    byte_order: str
    elements: tuple[Element, ...]
    comments: tuple[str, ...]
    offset: int

    @property
    def is_text(self) -> bool:
        return not self.byte_order

    def least_bytes(self, elements: Sequence[Element]) -> int:
        """The least that `elements` take in the file."""
        if not self.is_text:
            return sum(each.count * each.least_bytes for each in elements)
        # A digit and what separates it from the next; the file may end without the last of these.
        return max(0, sum(2 * each.count * len(each.properties) for each in elements) - 1)


def read_header(path: Path) -> Header:
    """Read the header of a PLY file.

    Raises:
        UnreadableCloud: it is not a PLY file, or its header is damaged.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        first = _FIRST_LINE.match(file.peek(16))
        if not first:
            raise UnreadableCloud(
                f"{path.name} is not a PLY file.", "Choose a file that ends in .ply."
            )
        file.seek(first.end())
        draft = _Draft()
        try:
            for line in _header_lines(file, first[1][-1:], path):
                draft.add(line)
            return draft.finish(file.tell(), path)
        except (KeyError, ValueError, IndexError) as error:
            raise UnreadableCloud(
                f"The header of {path.name} is damaged near {str(error)[:80]!r}.",
                "Export it again.",
            ) from error


def _header_lines(file: BufferedReader, newline: bytes, path: Path) -> Iterator[bytes]:
    """The lines up to end_header; comments that exceed what is kept are left out."""
    kept = {True: 0, False: 0}
    while line := _read_line(file, newline):
        if line.strip() == b"end_header":
            return
        is_comment = line.lstrip().startswith((b"comment", b"obj_info"))
        kept[is_comment] += len(line)
        if kept[is_comment] <= _MAX_KEPT_BYTES:
            yield line
        elif not is_comment:
            break
    raise UnreadableCloud(f"{path.name} has no end of its header.", "Export it again.")


def _read_line(file: BufferedReader, newline: bytes) -> bytes:
    """The next line, of which only the beginning is kept if it is very long."""
    kept = b""
    while buffered := file.peek():
        end = buffered.find(newline) + 1
        part = file.read(end or len(buffered))
        kept = kept if len(kept) > _MAX_KEPT_BYTES else kept + part
        if end:
            break
    return kept


@dataclass
class _Draft:
    """A header while its lines are read."""

    byte_order: str | None = None
    elements: list[Element] = field(default_factory=list[Element])
    comments: list[str] = field(default_factory=list[str])

    def add(self, line: bytes) -> None:
        # Bytes are split at ASCII's white space alone.
        words = [word.decode("utf-8", "backslashreplace") for word in line.split()]
        match words:
            case ["format", name, *_]:
                self.byte_order = _BYTE_ORDERS[name]
            case ["element", name, count]:
                self.elements.append(Element(name, _read_count(count)))
            case ["property", "list", count_type, value_type, *name]:
                self._add_property(Property("_".join(name), _type(value_type), _type(count_type)))
            case ["property", value_type, name, *more]:
                self._add_property(Property("_".join((name, *more)), _type(value_type)))
            case [keyword, *rest] if keyword.startswith(("comment", "obj_info")):
                self.comments.append(" ".join(rest))
            case []:
                pass
            case _:
                raise ValueError(" ".join(words))

    def _add_property(self, new: Property) -> None:
        if new.count_kind[:1] == "f":
            raise ValueError(f"{new.name}, a list whose length is no whole number")
        last = self.elements.pop()
        self.elements.append(Element(last.name, last.count, (*last.properties, new)))

    def finish(self, offset: int, path: Path) -> Header:
        if self.byte_order is None:
            raise UnreadableCloud(f"The header of {path.name} names no format.", "Export it again.")
        return Header(self.byte_order, tuple(self.elements), tuple(self.comments), offset)


def _type(name: str) -> str:
    return _TYPES[name.lower()]


def _read_count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(text)
    return count
