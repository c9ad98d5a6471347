"""Tables as spreadsheets save them: cells between commas, semicolons or tabs, below a header."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .problems import InvalidRequest

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = (",", ";", "\t")
_DECLARED = re.compile(r"sep=(.)(\r\n|\r|\n)", re.IGNORECASE)  # Excel's own first line
_LINE_BREAK = re.compile(r"\s*[\r\n\v\f\x85\u2028\u2029]\s*")


@dataclass(frozen=True)
class TableRow:
    """line: in which the row begins. cells: by column, without those that are empty."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """columns: in lower case, without surrounding white space, "_" for white space inside.

    rows: without those that are empty and those whose first cell begins with #.
    """

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


def read_table(text: str, title: str, expected: Collection[str]) -> Table:
    """The table in `text`. A line break in a cell becomes a space, missing cells are empty ones.

    Args:
        title: what messages call the file.
        expected: columns that it may have; they tell the delimiter and where the header is.

    Raises:
        InvalidRequest: a row has more cells than the header, a column is there twice, or a
            quotation mark is never closed.
    """
    declared = _DECLARED.match(text)
    header = text[declared.end() :] if declared else text
    delimiter = declared[1] if declared else _delimiter(header, expected)
    rows = _rows(text, title, delimiter)
    if declared:
        next(rows)
    columns: tuple[str, ...] = ()
    found: list[TableRow] = []
    for line, cells in rows:
        named = tuple(_column(cell) for cell in cells)
        is_header = not columns and not set(expected).isdisjoint(named)
        if _is_left_out(cells) and not is_header:
            continue
        if columns:
            found.append(_row(line, cells, columns, title))
        else:
            columns = _checked(named, title)
    return Table(columns, tuple(found))


def looks_like_table(text: str, expected: Collection[str]) -> bool:
    """Whether the first line is a header of several columns, the expected among them."""
    first = text.lstrip().split("\n", 1)[0]
    return "\t" in first and any(_column(cell) in expected for cell in first.split("\t"))


def _delimiter(text: str, expected: Collection[str]) -> str:
    """The one that finds most of the expected columns in the first lines, then most columns."""

    def found(delimiter: str) -> tuple[int, int]:
        try:
            head = [row for _, row in zip(range(10), _reader(text, delimiter), strict=False)]
        except csv.Error:
            return 0, 0
        columns = [{_column(cell) for cell in cells} for cells in head]
        return max(((len(each & set(expected)), len(each)) for each in columns), default=(0, 0))

    return max(DELIMITERS, key=found)


def _rows(text: str, title: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The line in which each row begins, and its cells."""
    reader, begin = _reader(text, delimiter), 1
    try:
        for cells in reader:
            yield begin, [_LINE_BREAK.sub(" ", cell).strip() for cell in cells]
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InvalidRequest(
            f"Line {begin} of {title} cannot be read: {error}.",
            'Close every quotation mark, and write "" for one inside a text.',
        ) from error


def _reader(text: str, delimiter: str) -> Reader:
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def _column(cell: str) -> str:
    return re.sub(r"\s+", "_", cell.strip().casefold())


def _is_left_out(cells: list[str]) -> bool:
    return not any(cells) or cells[0].startswith("#")


def _checked(columns: tuple[str, ...], title: str) -> tuple[str, ...]:
    named = [column for column in columns if column]
    if twice := [column for column in named if named.count(column) > 1]:
        raise InvalidRequest(f"{title} has two columns {twice[0]!r}.", "Leave one of them out.")
    return columns


def _row(line: int, cells: list[str], columns: tuple[str, ...], title: str) -> TableRow:
    if any(cells[len(columns) :]):
        raise InvalidRequest(
            f"Line {line} of {title} has more cells than the header.",
            'Put text with a comma, semicolon or tab in it between "quotes".',
        )
    given = zip(columns, cells, strict=False)
    return TableRow(line, {column: cell for column, cell in given if column and cell})
