"""The records of checkpoints on this machine: one JSON file each.

A record is written before the first byte arrives, with `is_whole` false until the size and hash of
every file were checked. So a partial checkpoint is never taken for a complete one, and is resumed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..contract.cards import Checkpoint
from ..contract.jsonable import from_json, to_json
from ..contract.problems import InvalidRequest
from ..files import write_json
from ..settings import data_directory


@dataclass(frozen=True)
class RecordedFile:
    """A file by its path inside the repository; `sha256` is empty until it was hashed.

    converted_from: of a converted file, the original's SHA-256.
    """

    path: str
    size_bytes: int
    sha256: str
    converted_from: str = ""


@dataclass(frozen=True)
class CheckpointRecord:
    """A checkpoint's files on this machine, complete or not.

    folder: has the repository's layout. commit: of the hub; empty if it was imported.
    """

    checkpoint: str
    repository: str
    commit: str
    folder: str
    files: tuple[RecordedFile, ...]
    is_whole: bool = False

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def path_of(self, file: RecordedFile) -> Path:
        return Path(self.folder, file.path)


def weights_directory() -> Path:
    """For records, accepted licences and imported checkpoints; downloads are in the hub's cache."""
    return data_directory() / "weights"


def read_record(checkpoint: Checkpoint) -> CheckpointRecord | None:
    """The record of `checkpoint`; None if there is none, or it cannot be read."""
    try:
        text = _file_of(checkpoint.id).read_text(encoding="utf-8")
        return from_json(CheckpointRecord, json.loads(text), "the record")
    except (FileNotFoundError, ValueError, InvalidRequest):
        return None


def write_record(record: CheckpointRecord) -> None:
    """Write `record` whole or not at all."""
    write_json(_file_of(record.checkpoint), to_json(record))


def _file_of(checkpoint: str) -> Path:
    return weights_directory() / "records" / f"{checkpoint}.json"
