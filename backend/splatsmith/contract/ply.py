"""PLY files: the vertex element, read block by block and written atomically.

A million Gaussians take a quarter of a gigabyte, and Blender's memory is the user's: only one block
is held beside the result. Binary files are read directly; plyfile parses the others (ascii, lists
before the vertices).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import plyfile  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from .files import atomic_write
from .problems import UnreadableCloud

_BLOCK_BYTES = 1 << 20  # fits a core's cache, where separating the columns is fast
_MAX_HEADER_BYTES = 1 << 16
_BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_TYPE_NAMES = {  # those of the standard, and those that many writers use
    "i1": ("char", "int8"),
    "u1": ("uchar", "uint8"),
    "i2": ("short", "int16"),
    "u2": ("ushort", "uint16"),
    "i4": ("int", "int32"),
    "u4": ("uint", "uint32"),
    "f4": ("float", "float32"),
    "f8": ("double", "float64"),
}
_TYPES = {name: kind for kind, names in _TYPE_NAMES.items() for name in names}

Block = NDArray[np.void]


@dataclass(frozen=True)
class _Element:
    name: str
    count: int
    properties: tuple[tuple[str, str], ...]  # name, numpy type
    has_lists: bool

    def dtype(self, byte_order: str) -> np.dtype[np.void]:
        return np.dtype([(name, byte_order + kind) for name, kind in self.properties])


@dataclass(frozen=True)
class VertexTable:
    """The vertices that a PLY file's header declares; `blocks` reads them.

    `offset` is where their bytes start; None if they must be parsed. `comments` are the header's.
    """

    path: Path
    count: int
    dtype: np.dtype[np.void]
    offset: int | None
    comments: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.dtype.names or ())

    def blocks(self) -> Iterator[tuple[slice, Block]]:
        """Yield ranges of rows with their values, in order. The next block overwrites a block.

        Raises:
            UnreadableCloud: the file ends too early or cannot be parsed.
        """
        if self.offset is None:
            yield slice(0, self.count), self._parse()
            return
        rows = max(1, _BLOCK_BYTES // self.dtype.itemsize)
        buffer = np.empty(rows * self.dtype.itemsize, np.uint8)
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            for start in range(0, self.count, rows):
                stop = min(start + rows, self.count)
                part = buffer[: (stop - start) * self.dtype.itemsize]
                _fill(file, part, self.path)
                yield slice(start, stop), part.view(self.dtype)

    def _parse(self) -> Block:
        try:
            vertices = cast("Any", plyfile).PlyData.read(str(self.path))["vertex"].data
        except (plyfile.PlyParseError, ValueError, MemoryError) as error:
            raise UnreadableCloud(
                f"{self.path.name} is damaged: {error}.", "Export it again, as binary PLY."
            ) from error
        return cast("Block", vertices)


def open_vertices(path: Path) -> VertexTable:
    """Read the header of a PLY file.

    Raises:
        UnreadableCloud: not a PLY file, a damaged header, or vertices cut off.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        header = _read_header(file, path)
        offset = file.tell()
    byte_order, elements = _parse_header(header, path)
    for element in elements:
        if element.name == "vertex":
            table = _vertex_table(path, element, byte_order, offset)
            return replace(table, comments=_comments(header))
        if element.has_lists or byte_order == "=":
            offset = -1
        if offset >= 0:
            offset += element.count * element.dtype(byte_order).itemsize
    raise UnreadableCloud(f"{path.name} has no vertices.", "Choose a PLY file of splats or points.")


def _vertex_table(path: Path, element: _Element, byte_order: str, offset: int) -> VertexTable:
    dtype = element.dtype(byte_order)
    if element.has_lists or byte_order == "=" or offset < 0:
        return VertexTable(path, element.count, dtype, None)
    if path.stat().st_size < offset + element.count * dtype.itemsize:
        raise _cut_off(path)
    return VertexTable(path, element.count, dtype, offset)


def _read_header(file: BinaryIO, path: Path) -> str:
    if file.readline(16).strip() != b"ply":
        raise UnreadableCloud(f"{path.name} is not a PLY file.", "Choose a file that ends in .ply.")
    lines: list[bytes] = []
    while file.tell() < _MAX_HEADER_BYTES and (line := file.readline(_MAX_HEADER_BYTES)):
        if line.strip() == b"end_header":
            return b"".join(lines).decode("ascii", errors="replace")
        lines.append(line)
    raise UnreadableCloud(f"{path.name} has no end of its header.", "Export it again.")


def _parse_header(header: str, path: Path) -> tuple[str, list[_Element]]:
    byte_order = ""
    elements: list[_Element] = []
    try:
        for line in header.splitlines():
            match line.split():
                case ["format", name, _]:
                    byte_order = _BYTE_ORDERS[name]
                case ["element", name, count]:
                    elements.append(_Element(name, _count(count), (), False))
                case ["property", "list", _, _, _]:
                    last = elements.pop()
                    elements.append(_Element(last.name, last.count, last.properties, True))
                case ["property", kind, name]:
                    last = elements.pop()
                    properties = (*last.properties, (name, _TYPES[kind]))
                    elements.append(_Element(last.name, last.count, properties, last.has_lists))
                case ["comment" | "obj_info", *_] | []:
                    pass
                case _:
                    raise ValueError(line)
        for element in elements:
            element.dtype(byte_order)  # refuses duplicate names
    except (KeyError, ValueError, IndexError) as error:
        raise UnreadableCloud(
            f"The header of {path.name} is damaged near {str(error)[:80]!r}.", "Export it again."
        ) from error
    if not byte_order:
        raise UnreadableCloud(f"The header of {path.name} names no format.", "Export it again.")
    return byte_order, elements


def _comments(header: str) -> tuple[str, ...]:
    lines = (line.split(maxsplit=1) for line in header.splitlines())
    return tuple(line[1] for line in lines if len(line) == 2 and line[0] == "comment")


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(text)
    return count


def _fill(file: BinaryIO, part: NDArray[np.uint8], path: Path) -> None:
    view = memoryview(part.data)
    while view:
        got = cast("int", file.readinto(view))  # type: ignore[attr-defined]
        if not got:
            raise _cut_off(path)
        view = view[got:]


def _cut_off(path: Path) -> UnreadableCloud:
    return UnreadableCloud(
        f"{path.name} is cut off: it ends before its last point.", "Copy or export it again."
    )


def write_vertices(
    path: Path, count: int, dtype: np.dtype[np.void], blocks: Iterable[Block]
) -> None:
    """Write a binary little-endian PLY file of one element, "vertex", from its rows in order.

    The file appears complete or not at all.

    Raises:
        OSError: it cannot be written.
    """
    types = {"<f4": "float", "|u1": "uchar"}
    fields = cast("list[tuple[str, str]]", dtype.descr)
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
    lines += [f"property {types[kind]} {name}" for name, kind in fields]
    lines += ["end_header", ""]
    with atomic_write(path) as part, part.open("xb", buffering=0) as file:
        file.write("\n".join(lines).encode("ascii"))
        for block in blocks:
            block.tofile(file)
