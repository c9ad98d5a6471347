"""Where each checkpoint is on this machine, and whether it is the one its card names."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .artifacts import file_digest
from .contract.cards import Checkpoint
from .errors import WeightsDamaged, WeightsMissing


def checkpoint_path(folder: Path, checkpoint: Checkpoint) -> Path:
    """The checkpoint's file, checked; `folder` is its engine's, where bundled ones lie.

    Raises:
        WeightsMissing: the file is not there.
        WeightsDamaged: its size or SHA-256 is not the card's.
    """
    path = folder / checkpoint.file
    if not path.is_file():
        raise WeightsMissing(
            f"The weights {path.name} are not at {path.parent}.", _remedy(checkpoint)
        )
    size = path.stat().st_size
    if size != checkpoint.size_bytes:
        raise WeightsDamaged(
            f"{path} has {size:,} bytes instead of {checkpoint.size_bytes:,}.",
            _remedy(checkpoint),
        )
    if checkpoint.sha256 and _digest(path, path.stat().st_mtime_ns) != checkpoint.sha256:
        raise WeightsDamaged(f"{path} is not the file its card names.", _remedy(checkpoint))
    return path


@cache
def _digest(path: Path, _modified: int) -> str:
    return file_digest(path)


def _remedy(checkpoint: Checkpoint) -> str:
    if checkpoint.bundled:
        return "Install Splatsmith again: they travel with it."
    return f"Fetch {checkpoint.file} from {checkpoint.repository} and put it there."
