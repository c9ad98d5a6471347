"""Safetensors files rewritten without being loaded: some of their tensors, under other names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..files import atomic_write
from ..progress import Progress
from .hashing import CHUNK, copy_file

HEADER_LENGTH_BYTES = 8
ALIGNMENT = 8


class _Entry(NamedTuple):
    """A tensor in a file. start, end: of its bytes, counted from the end of the header."""

    dtype: str
    shape: list[int]
    start: int
    end: int


class StoredTensor(NamedTuple):
    """A tensor as a header lists it; `dtype` is the format's own name, such as "F32"."""

    name: str
    dtype: str
    shape: Sequence[int]
    size_bytes: int


def safetensors_header(tensors: Iterable[StoredTensor]) -> tuple[bytes, int]:
    """The header for these tensors' bytes in this order, and how many bytes they have in all."""
    members: dict[str, object] = {}
    end = 0
    for tensor in tensors:
        start, end = end, end + tensor.size_bytes
        members[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(HEADER_LENGTH_BYTES, "little") + text, end


def rewrite(source: Path, target: Path, stored_names: Mapping[str, str], progress: Progress) -> str:
    """Write the tensors in `stored_names`, {name: name to store}, of a valid safetensors file.

    `target` appears complete or not at all; a byte-for-byte copy if nothing changes. Returns its
    SHA-256.

    Raises:
        Cancelled: from `progress`.
    """
    with source.open("rb") as file:
        entries, data_start = _read_header(file)
        if stored_names == {name: name for name in entries}:
            with atomic_write(target) as part:
                return copy_file(source, part, progress)
        # In the order of the source, which has the alignment right.
        kept = sorted((entries[name].start, name) for name in stored_names)
        chosen = [entries[name] for _, name in kept]
        header, total = safetensors_header(
            StoredTensor(stored_names[name], entry.dtype, entry.shape, entry.end - entry.start)
            for (_, name), entry in zip(kept, chosen, strict=True)
        )
        digest = hashlib.sha256(header)
        with atomic_write(target) as part, part.open("wb") as output:
            output.write(header)
            for entry in chosen:
                file.seek(data_start + entry.start)
                left = entry.end - entry.start
                while left and (chunk := file.read(min(CHUNK, left))):
                    output.write(chunk)
                    digest.update(chunk)
                    left -= len(chunk)
                    progress.step(output.tell() - len(header), total)
    return digest.hexdigest()


def _read_header(file: BinaryIO) -> tuple[dict[str, _Entry], int]:
    """The tensors by name, and where their bytes begin."""
    length = int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")
    members = json.loads(file.read(length))
    members.pop("__metadata__", None)
    entries = {n: _Entry(m["dtype"], m["shape"], *m["data_offsets"]) for n, m in members.items()}
    return entries, HEADER_LENGTH_BYTES + length
