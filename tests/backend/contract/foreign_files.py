"""Splat PLY files as other programs write them: the same small cloud in many forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from splatsmith.contract.cloud import SH_C0

Columns = dict[str, np.ndarray]
KINDS = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
}
COUNT = 60


def splat_columns(count: int = COUNT, harmonics: int = 0, seed: int = 0) -> Columns:
    """The columns of the standard form, as 64-bit numbers: logarithms and logits."""
    random = np.random.default_rng(seed)
    columns = {name: random.uniform(-1, 1, count) for name in "xyz"}
    columns |= {f"f_dc_{i}": random.uniform(-1, 1, count) for i in range(3)}
    columns |= {f"f_rest_{i}": random.normal(size=count) / 10 for i in range(harmonics)}
    columns["opacity"] = random.uniform(-2, 4, count)
    columns |= {f"scale_{i}": random.uniform(-5, -2, count) for i in range(3)}
    quats = random.normal(size=(4, count))
    return columns | dict(zip((f"rot_{i}" for i in range(4)), quats, strict=True))


def plain_colors(columns: Mapping[str, np.ndarray]) -> Columns:
    """The colors 0..1 of the standard columns, under the names red, green and blue."""
    names = ("red", "green", "blue")
    return {name: 0.5 + SH_C0 * columns[f"f_dc_{i}"] for i, name in enumerate(names)}


def without(columns: Mapping[str, np.ndarray], *prefixes: str) -> Columns:
    return {name: column for name, column in columns.items() if not name.startswith(prefixes)}


@dataclass(frozen=True)
class PlyForm:
    """How a PLY file is written.

    Attributes:
        types: of the properties, by name; "float" where none is named.
        head: lines after the format's.
        elements, before: what is declared before the vertices, and its bytes.
        tail, after: the same for behind them.
        text: a number's form in ascii files.
    """

    format: str = "binary_little_endian"
    newline: str = "\n"
    types: Mapping[str, str] = field(default_factory=dict)
    head: Sequence[str] = ()
    elements: Sequence[str] = ()
    before: bytes = b""
    tail: Sequence[str] = ()
    after: bytes = b""
    text: Callable[[float], str] = "{:.9g}".format

    def write(self, path: Path, columns: Mapping[str, np.ndarray]) -> Path:
        count = len(next(iter(columns.values())))
        lines = ["ply", f"format {self.format} 1.0", *self.head, *self.elements]
        lines += [f"element vertex {count}"]
        lines += [f"property {self.types.get(name, 'float')} {name}" for name in columns]
        lines += [*self.tail, "end_header", ""]
        header = self.newline.join(lines).encode("latin-1")
        path.write_bytes(header + self.before + self._rows(columns, count) + self.after)
        return path

    def _rows(self, columns: Mapping[str, np.ndarray], count: int) -> bytes:
        if self.format == "ascii":
            rows = zip(*(map(self.text, column) for column in columns.values()), strict=True)
            return "".join(" ".join(row) + self.newline for row in rows).encode("ascii")
        order = ">" if "big" in self.format else "<"
        kinds = [(name, order + KINDS[self.types.get(name, "float")]) for name in columns]
        table = np.empty(count, kinds)
        for name, column in columns.items():
            table[name] = column
        return table.tobytes()
