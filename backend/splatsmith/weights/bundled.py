"""Checkpoints that travel with the package, or with another one that is installed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..contract.cards import Checkpoint
from ..errors import WeightsDamaged, WeightsMissing
from ..files import file_digest

REMEDY = "Install Splatsmith again: they travel with it."


def bundled_file(folder: Path, checkpoint: Checkpoint) -> Path:
    """The one file of a bundled checkpoint, checked; `folder` is the package's that carries it.

    Raises:
        WeightsMissing: the file is not there.
        WeightsDamaged: its size or SHA-256 is not the card's.
    """
    (known,) = checkpoint.files
    path = folder / known.path
    if not path.is_file():
        raise WeightsMissing(f"The weights {path.name} are not at {path.parent}.", REMEDY)
    stat = path.stat()
    if stat.st_size != known.size_bytes:
        raise WeightsDamaged(
            f"{path} has {stat.st_size:,} bytes instead of {known.size_bytes:,}.", REMEDY
        )
    if known.sha256 and _digest(path, stat.st_mtime_ns) != known.sha256:
        raise WeightsDamaged(f"{path} is not the file its card names.", REMEDY)
    return path


@cache
def _digest(path: Path, _modified: int) -> str:
    return file_digest(path)
