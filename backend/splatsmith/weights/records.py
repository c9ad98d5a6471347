"""What is known of each checkpoint on this machine: one small JSON file each.

A record is written before the first byte arrives, and says that the checkpoint is whole only once
every file's size and hash were checked. So whatever is broken off can be told from what is whole,
and goes on where it stopped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..contract.cards import Checkpoint
from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest
from ..settings import data_directory


@dataclass(frozen=True)
class KnownFile:
    """A file by its path inside the repository, as the hub or an import described it."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Record:
    """Where a checkpoint is. `folder` has the repository's layout; `commit` is the hub's, and
    empty if it was imported."""

    checkpoint: str
    repository: str
    commit: str
    folder: str
    files: tuple[KnownFile, ...]
    is_whole: bool = False

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def path_of(self, file: KnownFile) -> Path:
        return Path(self.folder, file.path)


def weights_directory() -> Path:
    """Where records, accepted licences and imported checkpoints lie; downloads lie in the hub's
    own cache."""
    return data_directory() / "weights"


def read_record(checkpoint: Checkpoint) -> Record | None:
    """The record of `checkpoint`; None if it was never begun, or cannot be understood."""
    try:
        text = _file_of(checkpoint.id).read_text(encoding="utf-8")
        return from_json(Record, json.loads(text), "the record")
    except (FileNotFoundError, ValueError, InvalidRequest):
        return None


def write_record(record: Record) -> None:
    """Write `record` whole or not at all."""
    write_json(_file_of(record.checkpoint), to_json(record))


def write_json(file: Path, value: object) -> None:
    """Write `value` to `file` whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    part.replace(file)


def _file_of(checkpoint: str) -> Path:
    return weights_directory() / "records" / f"{checkpoint}.json"
