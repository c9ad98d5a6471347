"""Files of checkpoints stored in a folder of ours: copied, linked or converted, always checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..contract.cards import Checkpoint, CheckpointFile, CheckpointSource
from ..contract.problems import InvalidRequest
from ..errors import WeightsDamaged
from ..files import atomic_write
from ..progress import Progress
from .file_formats import WeightsFormat, weights_format
from .hashing import copy_file, hash_file
from .integrity import check_known_digest
from .path_patterns import is_pickle, pattern_of, stored_path
from .records import RecordedFile
from .tensor_layouts import Shapes, match_layout
from .weights_files import WeightsReader, open_weights

HASHED, OPENED = 0.3, 0.3  # progress: of a conversion, and of what comes after hashing


@dataclass(frozen=True)
class FileToStore:
    """`source` is the file `path` of the checkpoint's repository, to be stored below `folder`."""

    checkpoint: Checkpoint
    path: str
    source: Path
    folder: Path
    is_linked: bool = False

    @property
    def pattern(self) -> CheckpointFile:
        return pattern_of(self.checkpoint, self.path)

    @property
    def target(self) -> Path:
        return self.folder / stored_path(self.path)


def store_file(
    file: FileToStore, progress: Progress, reader: WeightsReader | None = None
) -> RecordedFile:
    """Store a file, which appears complete or not at all, and describe it for the record.

    A pickle is converted to safetensors, and so is a user's own file, so that its tensors have the
    names of the key lists; both are strictly compared with them. Other files are stored as they
    are: `integrity.check_tensors` compares them, shards together.

    Args:
        reader: of the source, if it is open already.

    Raises:
        Cancelled: from `progress`.
        InvalidRequest: what has to be converted is to be linked, or has no key list.
        UnsafeWeights, WeightsDamaged: it is not what it should be.
    """
    pattern = file.pattern
    file.target.parent.mkdir(parents=True, exist_ok=True)
    if not pattern.has_weights:
        return _copy(file, progress)
    source_is_pickle = weights_format(file.source) is WeightsFormat.PICKLE
    is_own = file.checkpoint.source is CheckpointSource.OWN_FILE
    if not (source_is_pickle or is_own or is_pickle(file.path)):
        return _copy(file, progress)
    if pattern.layout is None:
        raise InvalidRequest(
            f"{file.source} is a pickle, and {file.checkpoint.title} is published as safetensors.",
            "Bring the published file.",
        )
    original = hash_file(file.source, progress.part(progress.stage, 0, HASHED))
    rest = progress.part(progress.stage, HASHED, 1)
    if reader is not None:
        return _convert(file, reader, original, rest)
    with open_weights(file.source, rest.part(rest.stage, 0, OPENED)) as opened:
        return _convert(file, opened, original, rest.part(rest.stage, OPENED, 1))


def _convert(
    file: FileToStore, reader: WeightsReader, original: str, progress: Progress
) -> RecordedFile:
    """Store the tensors of the layout under its names; `original` is the source's SHA-256."""
    layout = file.pattern.layout
    assert layout is not None
    match = match_layout(reader.shapes, layout, reader.others)
    if match.difference:
        raise WeightsDamaged(
            f"{file.source} is not of {file.checkpoint.title}: {match.difference}.",
            "Bring the file of this very network, whole.",
        )
    if file.is_linked:
        _refuse_link_to_changed(file, match.stored_names, reader.shapes)
        return _copy(file, progress)
    digest = reader.store(file.target, match.stored_names, progress)
    size = file.target.stat().st_size
    return RecordedFile(
        stored_path(file.path), size, digest, "" if digest == original else original
    )


def _refuse_link_to_changed(
    file: FileToStore, stored_names: Mapping[str, str], shapes: Shapes
) -> None:
    is_changed = dict(stored_names) != {name: name for name in shapes}
    if is_changed or weights_format(file.source) is WeightsFormat.PICKLE:
        raise InvalidRequest(
            f"{file.source} has to be converted: a link to it would not do.",
            "Import it without --link.",
        )


def _copy(file: FileToStore, progress: Progress) -> RecordedFile:
    with atomic_write(file.target) as part:
        if file.is_linked:
            part.symlink_to(file.source.resolve())
            digest = hash_file(file.source, progress)
        else:
            digest = copy_file(file.source, part, progress)
        check_known_digest(file.checkpoint, file.source, file.path, digest)
    return RecordedFile(stored_path(file.path), file.target.stat().st_size, digest)
