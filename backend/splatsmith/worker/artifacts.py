"""A job's finished files: their description, and the notes in its record."""

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
    """The notes on the asset in `folder`: the engine's, or those of reading its splats."""
    record = json.loads((folder / JOB_RECORD).read_text(encoding="utf-8"))
    return tuple(record.get("notes", ()))
