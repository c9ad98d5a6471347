"""Whether files of weights are of the checkpoint they are taken for, told by their headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..contract.cards import Checkpoint, CheckpointFile, TensorSignature
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


def signature_mismatch(shapes: Shapes, file: CheckpointFile) -> str:
    """What tells `shapes` from those of `file`, in words; empty if nothing does."""
    for signature in file.signatures:
        if shapes.get(signature.name) != signature.shape:
            return _told(signature, shapes)
    return ""


def check_signatures(checkpoint: Checkpoint, record: Record) -> None:
    """Refuse weights of another checkpoint under this one's name.

    Raises:
        WeightsDamaged: a file of weights is of another network, or is cut off.
    """
    known = [each.path for each in record.files]
    for file in checkpoint.files:
        paths = (
            [Path(record.folder, path) for path in matching(known, file)] if file.signatures else []
        )
        if paths and (difference := signature_mismatch(read_shapes(paths), file)):
            raise WeightsDamaged(
                f"{paths[0]} is not of {checkpoint.title}: {difference}.", how_to_get(checkpoint)
            )


def _told(signature: TensorSignature, shapes: Shapes) -> str:
    if signature.name not in shapes:
        return f"it has no {signature.name}"
    return f"its {signature.name} is {_size(shapes[signature.name])}, not {_size(signature.shape)}"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
