"""Recognition of a single file of weights: its checkpoint, by all its tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract.cards import Checkpoint
from ..contract.problems import InvalidRequest
from ..errors import WeightsDamaged
from .discovery import UNKNOWN_STEP
from .integrity import tensor_mismatch
from .path_patterns import ANY
from .tensor_layouts import match_layout
from .weights_files import WeightsReader


@dataclass(frozen=True)
class _Comparison:
    """A checkpoint with how the file differs from it, in words, and in how many tensors."""

    checkpoint: Checkpoint
    difference: str
    count: int


def recognise_file(
    file: Path, reader: WeightsReader, checkpoints: Sequence[Checkpoint]
) -> tuple[Checkpoint, str]:
    """The checkpoint that the file is of, among those of one file, and its path in there.

    Raises:
        InvalidRequest: none of them has a single file, or the file fits two equally.
        WeightsDamaged: it is of none of them; the nearest is named with what differs.
    """
    candidates = [c for c in checkpoints if len(c.files) == 1 and c.files[0].has_weights]
    if not candidates:
        raise InvalidRequest(
            "No checkpoint that was named is a single file.", "Give the folder of its files."
        )
    compared = [_compare(reader, checkpoint) for checkpoint in candidates]
    matching = [each.checkpoint for each in compared if not each.difference]
    if not matching:
        raise _unknown(file, compared)
    if len(matching) > 1:
        raise InvalidRequest(
            f"{file} may be of {' or '.join(sorted(each.id for each in matching))}.",
            "Name the one that it is.",
        )
    return matching[0], matching[0].files[0].path.replace(ANY, UNKNOWN_STEP)


def _compare(reader: WeightsReader, checkpoint: Checkpoint) -> _Comparison:
    (file,) = checkpoint.files
    if file.layout is None:
        difference = tensor_mismatch(reader.shapes, file)
        return _Comparison(checkpoint, difference, len(reader.shapes) if difference else 0)
    match = match_layout(reader.shapes, file.layout, reader.others)
    return _Comparison(checkpoint, match.difference, match.difference_count)


def _unknown(file: Path, compared: Sequence[_Comparison]) -> WeightsDamaged:
    nearest = min(compared, key=lambda each: each.count)
    title, difference = nearest.checkpoint.title, nearest.difference
    if len(compared) == 1:
        return WeightsDamaged(f"{file} is not of {title}: {difference}.", "Nothing was imported.")
    return WeightsDamaged(
        f"{file} is of no checkpoint that is known. The nearest is {title}: {difference}.",
        "Nothing was imported.",
    )
