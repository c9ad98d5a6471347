"""A job's finished files: written aside, described, and put in place all at once."""

from __future__ import annotations

import json
from pathlib import Path

from ..contract.artifacts import JOB_RECORD, MEDIA_TYPES
from ..contract.protocol import Artifact
from ..files import file_digest


def describe_artifacts(folder: Path) -> tuple[Artifact, ...]:
    """The artifacts in `folder`, in MEDIA_TYPES' order."""
    present = [(folder / name, kind) for name, kind in MEDIA_TYPES.items()]
    return tuple(
        Artifact(path.name, kind, path.stat().st_size, file_digest(path))
        for path, kind in present
        if path.is_file()
    )


def read_notes(folder: Path) -> tuple[str, ...]:
    """What the engine had to say of the asset in `folder`; nothing of an extraction."""
    record = json.loads((folder / JOB_RECORD).read_text(encoding="utf-8"))
    return tuple(record.get("notes", ()))


def move_artifacts(source: Path, target: Path) -> None:
    """Move the files of `source` into `target`, replacing its own; both on one file system."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        path.replace(target / path.name)
    source.rmdir()
