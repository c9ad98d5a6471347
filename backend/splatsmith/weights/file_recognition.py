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
class Candidates:
    """wanted: what the file may be of. known: all checkpoints, of which it may be by mistake."""

    wanted: Sequence[Checkpoint]
    known: Sequence[Checkpoint] = ()


@dataclass(frozen=True)
class _Comparison:
    """A checkpoint with how the file differs from it, in words, and in how many tensors."""

    checkpoint: Checkpoint
    difference: str
    count: int


def recognise_file(
    file: Path, reader: WeightsReader, candidates: Candidates
) -> tuple[Checkpoint, str]:
    """The wanted checkpoint that the file is of, among those of one file, and its path in there.

    Raises:
        InvalidRequest: none of them has a single file, or the file fits two equally, or another.
        WeightsDamaged: it is of none of them; the nearest is named with what differs.
    """
    wanted = _of_one_file(candidates.wanted)
    if not wanted:
        raise InvalidRequest(
            "No checkpoint that was named is a single file.", "Give the folder of its files."
        )
    compared = [_compare(reader, checkpoint) for checkpoint in wanted]
    matching = _matching(compared)
    if not matching:
        others = [each for each in _of_one_file(candidates.known) if each not in wanted]
        if actual := _matching([_compare(reader, checkpoint) for checkpoint in others]):
            raise _mistaken(file, wanted, actual)
        raise _unknown(file, compared)
    if len(matching) > 1:
        raise InvalidRequest(
            f"{file} may be of {' or '.join(sorted(each.id for each in matching))}.",
            "Name the one that it is.",
        )
    return matching[0], matching[0].files[0].path.replace(ANY, UNKNOWN_STEP)


def _of_one_file(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    return [each for each in checkpoints if len(each.files) == 1 and each.files[0].has_weights]


def _matching(compared: Sequence[_Comparison]) -> list[Checkpoint]:
    return [each.checkpoint for each in compared if not each.difference]


def _compare(reader: WeightsReader, checkpoint: Checkpoint) -> _Comparison:
    (file,) = checkpoint.files
    if file.layout is None:
        difference = tensor_mismatch(reader.shapes, file)
        return _Comparison(checkpoint, difference, len(reader.shapes) if difference else 0)
    match = match_layout(reader.shapes, file.layout, reader.others)
    return _Comparison(checkpoint, match.difference, match.difference_count)


def _mistaken(
    file: Path, wanted: Sequence[Checkpoint], actual: Sequence[Checkpoint]
) -> InvalidRequest:
    expected, found = (
        " or ".join(sorted(each.title for each in some)) for some in (wanted, actual)
    )
    names = " or ".join(sorted(each.id for each in actual))
    return InvalidRequest(f"{file} is of {found}, not of {expected}.", f"Import it as {names}.")


def _unknown(file: Path, compared: Sequence[_Comparison]) -> WeightsDamaged:
    nearest = min(compared, key=lambda each: each.count)
    title, difference = nearest.checkpoint.title, nearest.difference
    if len(compared) == 1:
        return WeightsDamaged(
            f"{file} is not of {title}: {difference}. Nothing was imported.",
            f"Give a file of {title}, or copy this one again from where it is whole.",
        )
    return WeightsDamaged(
        f"{file} is of no checkpoint that is known. The nearest is {title}: {difference}. "
        "Nothing was imported.",
        "Give a file of a checkpoint that `splatsmith weights list` shows, or copy this one again "
        "from where it is whole.",
    )
