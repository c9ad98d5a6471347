"""Status of checkpoints on this machine, from their records and file sizes alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..contract.cards import Checkpoint, CheckpointSource
from ..contract.checkpoints import CheckpointState, CheckpointStatus
from ..contract.problems import NotFound
from ..errors import WeightsDamaged, WeightsMissing
from .licences import is_accepted
from .path_patterns import matching_stored
from .records import CheckpointRecord, RecordedFile, read_record

GIGABYTE = 1e9


def folder_of(checkpoint: Checkpoint) -> Path:
    """The folder that holds the checkpoint's files under their paths in the repository.

    Raises:
        WeightsMissing: the checkpoint is not on this machine, or is partial.
        WeightsDamaged: a file has another size than when it was checked.
    """
    return Path(_complete_record(checkpoint).folder)


def files_of(checkpoint: Checkpoint, pattern: str) -> list[Path]:
    """The files that `pattern`, one of the checkpoint's own, matches; sorted.

    Raises:
        NotFound: the checkpoint has no such pattern.
        WeightsMissing, WeightsDamaged: as in `folder_of`.
    """
    record = _complete_record(checkpoint)
    for file in checkpoint.files:
        if file.path == pattern:
            found = matching_stored((known.path for known in record.files), file)
            return [Path(record.folder, path) for path in found]
    raise NotFound(f"{checkpoint.id} has no files {pattern!r}.")


def require(checkpoints: Iterable[Checkpoint]) -> None:
    """Check that these checkpoints are complete, by file sizes.

    Raises:
        WeightsMissing, WeightsDamaged: as in `folder_of`, for the first that is not.
    """
    for checkpoint in checkpoints:
        if not checkpoint.is_bundled:
            _complete_record(checkpoint)


def status_of(checkpoint: Checkpoint) -> CheckpointStatus:
    """The checkpoint's state and how many of its bytes are present."""
    record = read_record(checkpoint)
    accepted = is_accepted(checkpoint.licence)
    if checkpoint.is_bundled:
        size = checkpoint.size_bytes
        return CheckpointStatus(checkpoint.id, CheckpointState.PRESENT, size, size, accepted)
    if record is None or not _covers(record, checkpoint):
        state, total, present = CheckpointState.ABSENT, checkpoint.size_bytes, 0
    else:
        total = record.size_bytes
        present = sum(file.size_bytes for file in record.files if _has_size(record, file))
        state = _state(record)
    return CheckpointStatus(checkpoint.id, state, total, present, accepted)


def fingerprints(checkpoint: Checkpoint) -> dict[str, str]:
    """The SHA-256 of each file, by its path; recorded in job.json."""
    if checkpoint.is_bundled:
        return {file.path: file.sha256 for file in checkpoint.files}
    record = read_record(checkpoint)
    return {file.path: file.sha256 for file in record.files} if record else {}


def download_hint(checkpoint: Checkpoint) -> str:
    """How to obtain the checkpoint, as a sentence for the user."""
    if checkpoint.source is CheckpointSource.OWN_FILE:
        return (
            "It is published nowhere: import a file of your own in the panel, or with"
            f" `splatsmith weights import FILE {checkpoint.id}`."
        )
    return f"Download it in the panel, or with `splatsmith weights download {checkpoint.id}`."


def _complete_record(checkpoint: Checkpoint) -> CheckpointRecord:
    record = read_record(checkpoint)
    if record is None or not _covers(record, checkpoint):
        raise WeightsMissing(
            f"The checkpoint {checkpoint.title} is not here"
            f" ({checkpoint.size_bytes / GIGABYTE:.1f} GB).",
            download_hint(checkpoint),
        )
    match _state(record):
        case CheckpointState.PRESENT:
            return record
        case CheckpointState.DAMAGED:
            raise WeightsDamaged(_describe_damage(record), download_hint(checkpoint))
        case _ if all(_has_size(record, file) for file in record.files):
            raise WeightsDamaged(
                f"The checkpoint {checkpoint.title} was found damaged, or not checked to its end.",
                download_hint(checkpoint),
            )
        case _:
            raise WeightsMissing(
                f"The checkpoint {checkpoint.title} is here in part only.",
                f"{download_hint(checkpoint)} It goes on where it stopped.",
            )


def _state(record: CheckpointRecord) -> CheckpointState:
    if all(_has_size(record, file) for file in record.files):
        return CheckpointState.PRESENT if record.is_whole else CheckpointState.PARTIAL
    if record.is_whole and all(record.path_of(file).is_file() for file in record.files):
        return CheckpointState.DAMAGED
    return CheckpointState.PARTIAL


def _covers(record: CheckpointRecord, checkpoint: Checkpoint) -> bool:
    """Whether the record is of the card's files: a newer card may name others."""
    known = [file.path for file in record.files]
    same_place = record.repository == checkpoint.repository
    return same_place and all(matching_stored(known, file) for file in checkpoint.files)


def _has_size(record: CheckpointRecord, file: RecordedFile) -> bool:
    path = record.path_of(file)
    return path.is_file() and path.stat().st_size == file.size_bytes


def _describe_damage(record: CheckpointRecord) -> str:
    wrong = next(file for file in record.files if not _has_size(record, file))
    path = record.path_of(wrong)
    return f"{path} has {path.stat().st_size:,} bytes instead of {wrong.size_bytes:,}."
