"""Checkpoints shipped inside a package: this one, or another that is installed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..contract.cards import Checkpoint
from ..errors import WeightsDamaged, WeightsMissing
from ..files import file_digest

REMEDY = "Install Splatsmith again: they travel with it."


def bundled_file(folder: Path, checkpoint: Checkpoint) -> Path:
    """The one file of a bundled checkpoint, checked; `folder` is the package's own.

    Raises:
        WeightsMissing: the file is not there.
        WeightsDamaged: its size or SHA-256 is not the card's.
    """
    (expected,) = checkpoint.files
    path = folder / expected.path
    if not path.is_file():
        raise WeightsMissing(f"The weights {path.name} are not at {path.parent}.", REMEDY)
    stat = path.stat()
    if stat.st_size != expected.size_bytes:
        raise WeightsDamaged(
            f"{path} has {stat.st_size:,} bytes instead of {expected.size_bytes:,}.", REMEDY
        )
    if expected.sha256 and _digest(path, stat.st_mtime_ns) != expected.sha256:
        raise WeightsDamaged(f"{path} is not the file its card names.", REMEDY)
    return path


@cache
def _digest(path: Path, _modified: int) -> str:
    return file_digest(path)
