"""Import of checkpoints from the local disk: copied, linked to where they are, or converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..contract.cards import Checkpoint
from ..contract.checkpoints import CheckpointState
from ..contract.problems import InvalidRequest
from ..errors import WeightsDamaged
from ..progress import Progress
from .discovery import DiscoveredCheckpoint, discover
from .disk_space import check_free_space
from .file_recognition import Candidates, recognise_file
from .records import CheckpointRecord, RecordedFile, weights_directory, write_record
from .status import status_of
from .storage import FileToStore, store_file
from .weights_files import open_weights

RECOGNISED = 0.3  # progress of the import of a single file


@dataclass(frozen=True)
class ImportResult:
    """The checkpoints that were imported and those that were complete already.

    warnings: sentences on what was left out.
    """

    imported: tuple[Checkpoint, ...]
    already_present: tuple[Checkpoint, ...] = ()
    warnings: tuple[str, ...] = ()


def import_checkpoints(
    source: Path,
    checkpoints: Sequence[Checkpoint],
    is_linked: bool,
    progress: Progress,
    known: Sequence[Checkpoint] = (),
) -> ImportResult:
    """Import those of `checkpoints` that are in the folder `source`, or the one that the file
    `source` is of.

    Of a folder, those that are complete already are left alone; a file always takes the place of
    what is there.

    Args:
        is_linked: make symbolic links instead of copies.
        known: all that there are; a file that is of another of these is named in the error.

    Raises:
        InvalidRequest: there is no such folder or file, or no known checkpoint in it.
        UnsafeWeights: a pickle holds more than weights.
        WeightsDamaged: all that was found is damaged, or of other checkpoints.
        StorageFull: the copies do not fit on the disk.
        Cancelled: from `progress`.
    """
    if source.is_dir():
        return _import_folder(source, checkpoints, is_linked, progress)
    if source.is_file():
        return _import_file(source, Candidates(checkpoints, known), is_linked, progress)
    raise InvalidRequest(f"There is no file or folder {source}.", "Check its name.")


def _import_file(
    file: Path, candidates: Candidates, is_linked: bool, progress: Progress
) -> ImportResult:
    source = file.absolute()
    with open_weights(source, progress.part("Reading", 0, RECOGNISED)) as reader:
        checkpoint, path = recognise_file(source, reader, candidates)
        if not is_linked:
            check_free_space(weights_directory(), source.stat().st_size)
        folder = _folder_of(checkpoint)
        task = FileToStore(checkpoint, path, source, folder, is_linked)
        stored = store_file(task, progress.part(checkpoint.title, RECOGNISED, 1), reader)
    write_record(
        CheckpointRecord(checkpoint.id, checkpoint.repository, "", str(folder), (stored,), True)
    )
    return ImportResult((checkpoint,))


def _import_folder(
    folder: Path, checkpoints: Sequence[Checkpoint], is_linked: bool, progress: Progress
) -> ImportResult:
    discovery = discover(folder.resolve(), checkpoints)
    found = discovery.checkpoints
    if not found:
        _refuse(folder, discovery.warnings)
    new = [f for f in found if status_of(f.checkpoint).state is not CheckpointState.PRESENT]
    if not is_linked:
        check_free_space(weights_directory(), sum(map(_size, new)))
    for number, each in enumerate(new):
        share = number / len(new), (number + 1) / len(new)
        _import_one(each, is_linked, progress.part(each.checkpoint.title, *share))
    present = tuple(each.checkpoint for each in found if each not in new)
    return ImportResult(tuple(each.checkpoint for each in new), present, discovery.warnings)


def _refuse(folder: Path, warnings: Sequence[str]) -> None:
    if warnings:
        raise WeightsDamaged(
            f"{' '.join(warnings)} Nothing was imported.",
            "Copy what is damaged or absent again from where it is whole, or download it with "
            "`splatsmith weights download`.",
        )
    raise InvalidRequest(
        f"{folder} holds no whole checkpoint that is known.",
        "It may be laid out as on the hub, or be the hub's cache; see `splatsmith weights list`.",
    )


def _import_one(found: DiscoveredCheckpoint, is_linked: bool, progress: Progress) -> None:
    checkpoint, folder = found.checkpoint, _folder_of(found.checkpoint)
    sizes = {path: source.stat().st_size for path, source in found.files.items()}
    unhashed = tuple(RecordedFile(path, size, "") for path, size in sizes.items())
    record = CheckpointRecord(checkpoint.id, checkpoint.repository, "", str(folder), unhashed)
    write_record(record)
    stored: list[RecordedFile] = []
    done, total = 0, max(sum(sizes.values()), 1)
    for path, source in found.files.items():
        start, done = done, done + sizes[path]
        part = progress.part(progress.stage, start / total, done / total)
        stored.append(store_file(FileToStore(checkpoint, path, source, folder, is_linked), part))
    write_record(replace(record, files=tuple(stored), is_whole=True))
    progress.step(1, 1)


def _folder_of(checkpoint: Checkpoint) -> Path:
    return weights_directory() / "imported" / checkpoint.id


def _size(found: DiscoveredCheckpoint) -> int:
    return sum(path.stat().st_size for path in found.files.values())
