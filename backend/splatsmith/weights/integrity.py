"""Whether files are those of a checkpoint: by tensor names and shapes, by SHA-256, by both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..contract.cards import Checkpoint, CheckpointFile
from ..contract.tensor_layouts import TensorSignature
from ..errors import WeightsDamaged
from ..progress import Progress
from .hashing import hash_file
from .path_patterns import matching_stored
from .records import CheckpointRecord, RecordedFile, read_record, write_record
from .status import download_hint, folder_of
from .tensor_layouts import Shapes, format_shape, match_layout


def read_shapes(files: Iterable[Path]) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors in these safetensors files, by name; reads the headers alone.

    Raises:
        WeightsDamaged: a file is not safetensors, or is truncated.
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


def tensor_mismatch(shapes: Shapes, file: CheckpointFile) -> str:
    """How `shapes` differ from the layout or the signatures of `file`; empty if they match."""
    if file.layout is not None:
        return match_layout(shapes, file.layout).difference
    for signature in file.signatures:
        if shapes.get(signature.name) != signature.shape:
            return _describe_mismatch(signature, shapes)
    return ""


def check_tensors(checkpoint: Checkpoint, record: CheckpointRecord) -> None:
    """Compare the recorded files' tensors with the layouts and signatures on the card.

    Raises:
        WeightsDamaged: a file is of another network, or is truncated.
    """
    recorded = [each.path for each in record.files]
    for file in checkpoint.files:
        if not file.has_weights:
            continue
        paths = [Path(record.folder, path) for path in matching_stored(recorded, file)]
        if paths and (mismatch := tensor_mismatch(read_shapes(paths), file)):
            raise WeightsDamaged(
                f"{paths[0]} is not of {checkpoint.title}: {mismatch}.", download_hint(checkpoint)
            )


def check_known_digest(checkpoint: Checkpoint, file: Path, path: str, digest: str) -> None:
    """Compare `digest`, the SHA-256 of `file`, with the one on the card for `path`, if any.

    Raises:
        WeightsDamaged: they differ.
    """
    known = {each.path: each.sha256 for each in checkpoint.files if each.sha256}
    if known.get(path, digest) != digest:
        raise WeightsDamaged(
            f"{file} has the SHA-256 {digest}, and {checkpoint.title} has {known[path]}.",
            download_hint(checkpoint),
        )


def verify(checkpoint: Checkpoint, progress: Progress) -> None:
    """Hash every file of a checkpoint again; a damaged one is marked for the next download.

    Raises:
        WeightsMissing: it is not on this machine.
        WeightsDamaged: a file's content has changed, or is of another checkpoint.
        Cancelled: from `progress`.
    """
    folder_of(checkpoint)
    record = read_record(checkpoint)
    assert record is not None
    try:
        done, total = 0, max(record.size_bytes, 1)
        for file in record.files:
            share = (done / total, (done + file.size_bytes) / total)
            _verify_file(checkpoint, record, file, progress.part(file.path, *share))
            done += file.size_bytes
        check_tensors(checkpoint, record)
    except WeightsDamaged:
        write_record(replace(record, is_whole=False))
        raise


def _verify_file(
    checkpoint: Checkpoint, record: CheckpointRecord, file: RecordedFile, progress: Progress
) -> None:
    path = record.path_of(file)
    digest = hash_file(path, progress)
    check_known_digest(checkpoint, path, file.path, digest)
    if digest != file.sha256:
        raise WeightsDamaged(
            f"{path} is not what it was when it came: its SHA-256 differs.",
            download_hint(checkpoint),
        )


def _describe_mismatch(signature: TensorSignature, shapes: Shapes) -> str:
    if signature.name not in shapes:
        return f"it has no {signature.name}"
    found, expected = shapes[signature.name], signature.shape
    return f"its {signature.name} is {format_shape(found)}, not {format_shape(expected)}"
