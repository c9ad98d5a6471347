"""Hashes that the cards know."""

from __future__ import annotations

from pathlib import Path

from ..contract.cards import Checkpoint
from ..errors import WeightsDamaged
from .status import how_to_get


def check_expected(checkpoint: Checkpoint, file: Path, path: str, digest: str) -> None:
    """Refuse `file`, of the SHA-256 `digest`, if the card knows another one for `path`.

    Raises:
        WeightsDamaged: it does.
    """
    expected = {each.path: each.sha256 for each in checkpoint.files if each.sha256}
    if expected.get(path, digest) != digest:
        raise WeightsDamaged(
            f"{file} has the SHA-256 {digest}, and {checkpoint.title} has {expected[path]}.",
            how_to_get(checkpoint),
        )
