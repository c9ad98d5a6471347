"""PLY files: the vertex element, read block by block and written atomically.

A million Gaussians take a quarter of a gigabyte, and Blender's memory is the user's: only one block
is held beside the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from .files import atomic_write
from .ply_header import DamagedRows, Element, Header, RowsCutOff, read_header
from .ply_lists import read_rows, skip_rows
from .ply_text import read_text_rows, skip_text_rows
from .problems import UnreadableCloud

_BLOCK_BYTES = 1 << 20  # fits a core's cache, where separating the columns is fast

Block = NDArray[np.void]


@dataclass(frozen=True)
class VertexTable:
    """The vertices that a PLY file's header declares; `blocks` reads them."""

    path: Path
    header: Header
    before: tuple[Element, ...]  # the elements that come first in the file
    element: Element

    @property
    def count(self) -> int:
        return self.element.count

    @property
    def names(self) -> tuple[str, ...]:
        """Of the values; lists have none."""
        return tuple(each.name for each in self.element.values)

    @property
    def comments(self) -> tuple[str, ...]:
        return self.header.comments

    def kind(self, name: str) -> np.dtype[np.generic]:
        """The type that the header declares for a value."""
        return self.element.dtype("=")[name]

    def is_wide(self, name: str) -> bool:
        """Whether a value may have more digits than 32-bit numbers keep."""
        return self.header.is_text or not np.can_cast(self.kind(name), np.float32)

    def blocks(self) -> Iterator[tuple[slice, Block]]:
        """Yield ranges of rows with their values, in order. The next block overwrites a block.

        Raises:
            UnreadableCloud: the file ends too early or cannot be parsed.
        """
        start = 0
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.header.offset)
                for block in self._rows(cast("BinaryIO", file)):
                    yield slice(start, start + len(block)), block
                    start += len(block)
        except RowsCutOff:
            raise _cut_off(self.path) from None
        except DamagedRows as error:
            raise UnreadableCloud(
                f"{self.path.name} is damaged: {error}.", "Export it again, as binary PLY."
            ) from error

    def _rows(self, file: BinaryIO) -> Iterator[Block]:
        if self.header.is_text:
            skip_text_rows(file, sum(each.count for each in self.before))
            return read_text_rows(file, self.element)
        byte_order = self.header.byte_order
        for element in self.before:
            skip_rows(file, element, byte_order)
        if self.element.has_lists:
            return read_rows(file, self.element, byte_order)
        return _read_equal_rows(file, self.count, self.element.dtype(byte_order))


def open_vertices(path: Path) -> VertexTable:
    """Read the header of a PLY file.

    Raises:
        UnreadableCloud: not a PLY file, a damaged header, or less in it than that promises.
        OSError: it cannot be opened.
    """
    header = read_header(path)
    names = [element.name.lower() for element in header.elements]
    if "vertex" not in names:
        raise UnreadableCloud(
            f"{path.name} has no vertices.", "Choose a PLY file of splats or points."
        )
    *before, element = header.elements[: names.index("vertex") + 1]
    _check_names(element, path)
    if path.stat().st_size - header.offset < header.least_bytes((*before, element)):
        raise _cut_off(path)
    return VertexTable(path, header, tuple(before), element)


def _check_names(element: Element, path: Path) -> None:
    try:
        element.dtype("=")
    except ValueError as error:
        raise UnreadableCloud(
            f"The header of {path.name} is damaged: {error}.", "Export it again."
        ) from error


def _read_equal_rows(file: BinaryIO, count: int, dtype: np.dtype[np.void]) -> Iterator[Block]:
    rows = max(1, _BLOCK_BYTES // max(1, dtype.itemsize))
    buffer = np.empty(rows * dtype.itemsize, np.uint8)
    for start in range(0, count, rows):
        part = buffer[: (min(start + rows, count) - start) * dtype.itemsize]
        _fill(file, part)
        yield part.view(dtype)


def _fill(file: BinaryIO, part: NDArray[np.uint8]) -> None:
    view = memoryview(part.data)
    while view:
        got = cast("int", file.readinto(view))  # type: ignore[attr-defined]
        if not got:
            raise RowsCutOff
        view = view[got:]


def _cut_off(path: Path) -> UnreadableCloud:
    return UnreadableCloud(
        f"{path.name} is cut off: it ends before its last point.", "Copy or export it again."
    )


def write_vertices(
    path: Path,
    count: int,
    dtype: np.dtype[np.void],
    blocks: Iterable[Block],
    comments: Iterable[str] = (),
) -> None:
    """Write a binary little-endian PLY file of one element, "vertex", from its rows in order.

    The file appears complete or not at all.

    Raises:
        OSError: it cannot be written.
    """
    types = {"<f4": "float", "<f8": "double", "|u1": "uchar"}
    fields = cast("list[tuple[str, str]]", dtype.descr)
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {comment}" for comment in comments]
    lines += [f"element vertex {count}"]
    lines += [f"property {types[kind]} {name}" for name, kind in fields]
    lines += ["end_header", ""]
    with atomic_write(path) as part, part.open("xb", buffering=0) as file:
        file.write("\n".join(lines).encode("ascii"))
        for block in blocks:
            block.tofile(file)
