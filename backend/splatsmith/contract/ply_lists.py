"""Rows of binary PLY files whose lists make them differ in length.

Where a row ends is known only when its lists' lengths are read, and where the next one begins only
then. To follow thirty million rows without a loop in Python, their ends are computed for a whole
block at once, for every byte of it as if a row began there. Of each short segment of the block
follows, from its last byte to its first and for all segments at a time, where the rows leave it;
what is left to Python is one step a segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from .ply_header import DamagedRows, Element, RowsCutOff

_BLOCK_BYTES = 1 << 18
_SEGMENT = 128
_ONE_EXIT = 1 << 32
_LONG_ROW = 1 << 12  # from here on, rows are passed one by one
_MAX_ROW_BYTES = 1 << 26  # of a row with values that are wanted

Bytes = NDArray[np.uint8]
Positions = NDArray[np.int32]
_Kind = TypeVar("_Kind", bound=np.generic)


def skip_rows(file: BinaryIO, element: Element, byte_order: str) -> None:
    """Move `file` past all rows of `element`.

    Raises:
        DamagedRows: there are fewer of them, or a list has no possible length.
    """
    if not element.has_lists:
        file.seek(element.count * element.least_bytes, 1)
        return
    rows = _Rows(element, byte_order)
    remaining = element.count
    while remaining:
        start = file.tell()
        block = np.frombuffer(file.read(_BLOCK_BYTES), np.uint8)
        passed, end = rows.pass_over(block, remaining)
        if not passed:
            passed, end = 1, rows.long_row_end(file, start)
        remaining -= passed
        file.seek(start + end)


def read_rows(file: BinaryIO, element: Element, byte_order: str) -> Iterator[NDArray[np.void]]:
    """The values beside the lists of all rows of `element`, block by block.

    Raises:
        DamagedRows: there are fewer of them, or a list has no possible length.
    """
    rows = _Rows(element, byte_order)
    remaining, size = element.count, _BLOCK_BYTES
    while remaining:
        start = file.tell()
        block = np.frombuffer(file.read(size), np.uint8)
        begins, end = rows.begins(block, remaining)
        if len(begins):
            yield rows.values(block, begins)
        elif len(block) < size or size > _MAX_ROW_BYTES:
            raise RowsCutOff
        size = _BLOCK_BYTES if len(begins) else 2 * size
        remaining -= len(begins)
        file.seek(start + end)


@dataclass(frozen=True)
class _List:
    """A list in a row: the bytes between the one before and it, its length's type, an entry."""

    before: int
    count_type: np.dtype[np.integer]
    item_bytes: int


@dataclass(frozen=True)
class _Rows:
    """The layout of an element's rows."""

    element: Element
    byte_order: str

    @cached_property
    def lists(self) -> tuple[_List, ...]:
        found: list[_List] = []
        before = 0
        for each in self.element.properties:
            if not each.count_kind:
                before += each.least_bytes
                continue
            count_type: np.dtype[np.integer] = np.dtype(self.byte_order + each.count_kind)
            found.append(_List(before, count_type, np.dtype(each.kind).itemsize))
            before = 0
        return tuple(found)

    @cached_property
    def rest_bytes(self) -> int:
        """The bytes after the last list."""
        return self.element.least_bytes - sum(
            each.before + each.count_type.itemsize for each in self.lists
        )

    def pass_over(self, block: Bytes, most: int) -> tuple[int, int]:
        """How many rows, `most` at most, lie at the block's beginning, and where they end."""
        length, counts = self._first_row(block)
        if not length or length > _LONG_ROW:
            return int(length > 0), length
        equal = min(most, _equal_rows(block, length, counts))
        if equal * length > _LONG_ROW or equal == most:
            return equal, equal * length
        _, passed, end = _follow(self._ends(block), most)
        return passed, end

    def begins(self, block: Bytes, most: int) -> tuple[NDArray[np.intp], int]:
        """Where the rows of the block begin, `most` of them, and where the last one ends."""
        length, _ = self._first_row(block)
        if not length or length > _LONG_ROW:
            return np.zeros(int(length > 0), np.intp), length
        ends = self._ends(block)
        found: list[NDArray[np.intp]] = []
        here = _follow(ends, most)[0]
        while len(here):
            found.append(here)
            next_ones = ends[here].astype(np.intp)
            stays = (next_ones // _SEGMENT == here // _SEGMENT) & (next_ones < len(block))
            here = next_ones[stays]
            here = here[ends[here] >= 0]
        begins = np.sort(np.concatenate(found))[:most]
        return begins, int(ends[begins[-1]])

    def values(self, block: Bytes, begins: NDArray[np.intp]) -> NDArray[np.void]:
        """The values that are no lists, of the rows that begin there."""
        out = np.empty(len(begins), self.element.dtype(self.byte_order))
        position = begins.copy()
        for each in self.element.properties:
            kind = np.dtype(self.byte_order + (each.count_kind or each.kind))
            values = _at_any_byte(block, kind)[position]
            position += kind.itemsize
            if each.count_kind:
                position += values.astype(np.intp) * np.dtype(each.kind).itemsize
            else:
                out[each.name] = values
        return out

    def long_row_end(self, file: BinaryIO, start: int) -> int:
        """The length of the one row at `start`, which is longer than a block."""
        end, file_end = 0, file.seek(0, 2)
        for each in self.lists:
            begin = start + end + each.before
            file.seek(min(begin, file_end))
            length = file.read(each.count_type.itemsize)
            if len(length) < each.count_type.itemsize:
                raise RowsCutOff
            count = int(np.frombuffer(length, each.count_type)[0])
            if count < 0:
                raise DamagedRows("a list has a negative length")
            end += each.before + each.count_type.itemsize + count * each.item_bytes
        end += self.rest_bytes
        if start + end > file_end:
            raise RowsCutOff
        return end

    def _first_row(self, block: Bytes) -> tuple[int, list[tuple[int, int]]]:
        """The first row's length, 0 if it is not in the block; the ranges of its lists' lengths."""
        end, counts = 0, list[tuple[int, int]]()
        for each in self.lists:
            begin = end + each.before
            end = begin + each.count_type.itemsize
            if end > len(block):
                return 0, []
            count = int(block[begin:end].view(each.count_type)[0])
            if count < 0:
                return 0, []
            counts.append((begin, end))
            end += count * each.item_bytes
        end += self.rest_bytes
        return (end, counts) if end <= len(block) else (0, [])

    def _ends(self, block: Bytes) -> Positions:
        """Where a row would end that began at each byte; -1 if that is not in the block."""
        ends = np.arange(len(block), dtype=np.int32)
        outside = np.zeros(len(block), np.bool_)
        for each in self.lists:
            ends += each.before
            last = len(block) - each.count_type.itemsize
            outside |= ends > last
            np.minimum(ends, last, out=ends)
            counts = _at_any_byte(block, each.count_type)[ends]
            if each.count_type.itemsize > 1:
                outside |= counts > len(block)
            outside |= counts < 0
            counts = np.clip(counts.astype(np.int64), 0, len(block)).astype(np.int32)
            ends += each.count_type.itemsize + counts * each.item_bytes
        ends += self.rest_bytes
        ends[outside | (ends > len(block))] = -1
        return ends


def _follow(ends: Positions, most: int) -> tuple[NDArray[np.intp], int, int]:
    """Follow the rows from the first byte on.

    Returns where they enter segments, how many there are, `most` at most, and where they end.
    """
    ways = _ways_through_segments(ends)
    entries: list[int] = []
    position, rows = 0, 0
    while position < len(ends) and rows < most:
        exit_, passed = divmod(int(ways[position // _SEGMENT, position % _SEGMENT]), _ONE_EXIT)
        if not passed:
            break
        entries.append(position)
        if rows + passed > most:
            while rows < most:
                position, rows = int(ends[position]), rows + 1
            break
        position, rows = exit_, rows + passed
    return np.array(entries, np.intp), rows, position


def _ways_through_segments(ends: Positions) -> NDArray[np.int64]:
    """For each byte, [segment, byte]: where the rows from there on leave its segment.

    The value is that position times _ONE_EXIT, plus the number of rows up to there. They stop
    before a row that is not in the block.
    """
    segments = -(-len(ends) // _SEGMENT)
    ends_at = np.full(segments * _SEGMENT, -1, np.int32)
    ends_at[: len(ends)] = ends
    ends_at = np.ascontiguousarray(ends_at.reshape(segments, _SEGMENT).T)  # [byte, segment]
    own = np.arange(segments * _SEGMENT).reshape(segments, _SEGMENT).T
    is_row = ends_at >= 0
    in_segment = ends_at - np.arange(segments, dtype=np.int32) * _SEGMENT
    goes_on = is_row & (in_segment < _SEGMENT)
    # Where each way goes on within the segment, in the order of memory; else it stays.
    here = np.arange(_SEGMENT)[:, None]
    next_ = np.where(goes_on, in_segment, here) * segments + np.arange(segments)
    ways = np.where(is_row, ends_at, own) * _ONE_EXIT + is_row
    flat = ways.reshape(-1)
    for byte in reversed(range(_SEGMENT)):
        ways[byte] = flat.take(next_[byte]) + goes_on[byte]
    return ways.T


def _equal_rows(block: Bytes, length: int, counts: list[tuple[int, int]]) -> int:
    """How many rows at the block's beginning have lists as long as the first one's."""
    rows = block[: len(block) // length * length].reshape(-1, length)
    same = np.ones(len(rows), np.bool_)
    for begin, end in counts:
        same &= (rows[:, begin:end] == rows[0, begin:end]).all(axis=1)
    return len(rows) if same.all() else int(same.argmin())


def _at_any_byte(block: Bytes, kind: np.dtype[_Kind]) -> NDArray[_Kind]:
    """The block read as `kind` from each of its bytes on."""
    return np.ndarray((len(block) - kind.itemsize + 1,), kind, block, strides=(1,))
