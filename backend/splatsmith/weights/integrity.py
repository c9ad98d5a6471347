"""Whether files of weights are of the checkpoint they are taken for, told by their headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..contract.cards import Checkpoint, CheckpointFile, TensorMark
from ..errors import WeightsDamaged
from .patterns import matching
from .records import Record
from .status import how_to_get

Shapes = Mapping[str, tuple[int, ...]]


def read_shapes(files: Iterable[Path]) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors in these safetensors files, by their names.

    Raises:
        WeightsDamaged: a file is none, or is cut off.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in files:
        try:
            with safe_open(path, "np") as file:
                names = file.keys()
                shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in names}
        except (SafetensorError, OSError) as error:
            raise WeightsDamaged(
                f"{path} is not a whole safetensors file ({error}).", "Fetch it again."
            ) from error
    return shapes


def wrong_mark(shapes: Shapes, file: CheckpointFile) -> str:
    """What tells `shapes` from those of `file`, in words; empty if nothing does."""
    for mark in file.marks:
        if shapes.get(mark.name) != mark.shape:
            return _told(mark, shapes)
    return ""


def check_marks(checkpoint: Checkpoint, record: Record) -> None:
    """Refuse weights of another checkpoint under this one's name.

    Raises:
        WeightsDamaged: a file of weights is of another network, or is cut off.
    """
    known = [each.path for each in record.files]
    for file in checkpoint.files:
        paths = [Path(record.folder, path) for path in matching(known, file)] if file.marks else []
        if paths and (difference := wrong_mark(read_shapes(paths), file)):
            raise WeightsDamaged(
                f"{paths[0]} is not of {checkpoint.title}: {difference}.", how_to_get(checkpoint)
            )


def _told(mark: TensorMark, shapes: Shapes) -> str:
    if mark.name not in shapes:
        return f"it has no {mark.name}"
    return f"its {mark.name} is {_size(shapes[mark.name])}, not {_size(mark.shape)}"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
