"""Rows of PLY files of text: one a line, their values separated by white space."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .ply_header import DamagedRows, Element, RowsCutOff

_BLOCK_BYTES = 1 << 20
_MAX_LINE_BYTES = 1 << 26
_LINE_FEED, _CARRIAGE_RETURN, _SPACE = b"\n\r "
# What C libraries and tables write where a value is no number: nan, -nan(ind), 1.#QNAN, 1.#INF00.
_NOT_FINITE = re.compile(
    rb"[+-]?(?:(?P<inf>inf|infinity|\d+[.,]?\d*#inf\d*)|(?:[qs]?nan|ind|\d+[.,]?\d*#[a-z]+\d*)"
    rb"(?:\(\w*\))?|null|none|n/a)",
    re.IGNORECASE,
)


def skip_text_rows(file: BinaryIO, count: int) -> None:
    """Move `file` past `count` lines that are not blank.

    Raises:
        RowsCutOff: there are fewer of them.
    """
    begun, inside = 0, False
    while True:
        start = file.tell()
        block = np.frombuffer(file.read(_BLOCK_BYTES), np.uint8)
        begins, inside = _line_begins(block, inside)
        if begun + len(begins) > count:
            file.seek(start + int(begins[count - begun]))
            return
        begun += len(begins)
        if not len(block):
            if begun < count:
                raise RowsCutOff
            return


def read_text_rows(file: BinaryIO, element: Element) -> Iterator[NDArray[np.void]]:
    """The values beside the lists of all rows of `element`, as 64-bit numbers, block by block.

    Values that are no numbers, in any spelling, are NaN.

    Raises:
        DamagedRows: a row is missing, has too many values or too few, or holds other text.
    """
    dtype = np.dtype([(each.name, "f8") for each in element.values])
    done = 0
    for lines in _blocks_of_lines(file, element.count):
        table = _parse_lists(lines, element, done) if element.has_lists else None
        if table is None:
            table = _parse(lines, len(element.properties), done)
        yield table.view(dtype)[:, 0]
        done += len(lines)
    if done < element.count:
        raise RowsCutOff


def _line_begins(block: NDArray[np.uint8], inside: bool) -> tuple[NDArray[np.intp], bool]:
    """Where the lines that are not blank have their first visible byte.

    `inside`: a line has begun before the block; returned for the block's end.
    """
    is_end = (block == _LINE_FEED) | (block == _CARRIAGE_RETURN)
    marks = np.flatnonzero(is_end | (block > _SPACE))
    if not len(marks):
        return marks, inside
    ends = is_end[marks]
    after_end = np.concatenate([[not inside], ends[:-1]])
    return marks[~ends & after_end], not ends[-1]


def _blocks_of_lines(file: BinaryIO, count: int) -> Iterator[list[bytes]]:
    """At most `count` lines that are not blank."""
    pending = b""
    while count:
        data = file.read(_BLOCK_BYTES)
        text = pending + data
        end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1 if data else len(text)
        pending = text[end:]
        if len(pending) > _MAX_LINE_BYTES:
            raise DamagedRows("a line does not end")
        lines = [line for line in text[:end].splitlines() if not line.isspace() and line][:count]
        count -= len(lines)
        if lines:
            yield lines
        if not data:
            return


def _parse(lines: list[bytes], columns: int, done: int) -> NDArray[np.float64]:
    words = b" ".join(lines).split()
    if len(words) != len(lines) * columns:
        _refuse_row(lines, columns, done)
    return _numbers(words).reshape(len(lines), columns)


def _parse_lists(lines: list[bytes], element: Element, done: int) -> NDArray[np.float64]:
    words: list[bytes] = []
    for row, line in enumerate(lines, done + 1):
        rest = line.split()
        for each in element.properties:
            if not rest:
                raise DamagedRows(f"row {row:,} has too few values")
            first = rest.pop(0)
            if each.count_kind:
                del rest[: _list_length(first, row)]
            else:
                words.append(first)
    return _numbers(words).reshape(len(lines), len(element.values))


def _list_length(word: bytes, row: int) -> int:
    if not word.isdigit():
        raise DamagedRows(f"row {row:,} has a list of length {_shown(word)}")
    return int(word[:9])


def _refuse_row(lines: list[bytes], columns: int, done: int) -> None:
    for row, line in enumerate(lines, done + 1):
        if (found := len(line.split())) != columns:
            raise DamagedRows(f"row {row:,} has {found:,} values instead of {columns:,}")


def _numbers(words: list[bytes]) -> NDArray[np.float64]:
    try:
        return np.fromiter(map(float, words), np.float64, len(words))
    except ValueError:
        return np.fromiter(map(_number, words), np.float64, len(words))


def _number(word: bytes) -> float:
    try:
        return float(word)
    except ValueError:
        pass
    match = _NOT_FINITE.fullmatch(word)
    if match is None:
        raise DamagedRows(f"{_shown(word)} is not a number")
    size = np.inf if match["inf"] else np.nan
    return -size if word.startswith(b"-") else size


def _shown(word: bytes) -> str:
    return repr(word[:40].decode("latin-1"))
