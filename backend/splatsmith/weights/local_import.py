"""Import of checkpoints from the local disk: copied, or linked to where they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..contract.cards import Checkpoint
from ..contract.checkpoints import CheckpointState
from ..contract.problems import InvalidRequest
from ..errors import WeightsDamaged
from ..files import atomic_write
from ..progress import Progress
from .discovery import DiscoveredCheckpoint, discover
from .disk_space import check_free_space
from .hashing import hash_file
from .integrity import check_known_digest
from .records import CheckpointRecord, RecordedFile, weights_directory, write_record
from .status import status_of

HASHING_SHARE = 0.5


@dataclass(frozen=True)
class ImportResult:
    """The checkpoints that were imported and those that were complete already.

    warnings: sentences on what was left out.
    """

    imported: tuple[Checkpoint, ...]
    already_present: tuple[Checkpoint, ...]
    warnings: tuple[str, ...]


def import_checkpoints(
    folder: Path, checkpoints: Sequence[Checkpoint], is_linked: bool, progress: Progress
) -> ImportResult:
    """Import those of `checkpoints` that are in `folder` and not complete already.

    Args:
        is_linked: make symbolic links instead of copies.

    Raises:
        InvalidRequest: there is no such folder, or no known checkpoint in it.
        WeightsDamaged: all that was found is damaged, or of other checkpoints.
        StorageFull: the copies do not fit on the disk.
        Cancelled: from `progress`.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"There is no folder {folder}.", "Check its name.")
    discovery = discover(folder.resolve(), checkpoints)
    found = discovery.checkpoints
    if not found:
        _refuse(folder, discovery.warnings)
    new = [f for f in found if status_of(f.checkpoint).state is not CheckpointState.PRESENT]
    if not is_linked:
        check_free_space(_import_directory(), sum(map(_size, new)))
    for number, each in enumerate(new):
        title = each.checkpoint.title
        _import_one(
            each, is_linked, progress.part(title, number / len(new), (number + 1) / len(new))
        )
    present = tuple(each.checkpoint for each in found if each not in new)
    return ImportResult(tuple(each.checkpoint for each in new), present, discovery.warnings)


def _refuse(folder: Path, warnings: Sequence[str]) -> None:
    if warnings:
        raise WeightsDamaged(" ".join(warnings), "Nothing was imported.")
    raise InvalidRequest(
        f"{folder} holds no whole checkpoint that is known.",
        "It may be laid out as on the hub, or be the hub's cache; see `splatsmith weights list`.",
    )


def _import_one(found: DiscoveredCheckpoint, is_linked: bool, progress: Progress) -> None:
    checkpoint = found.checkpoint
    target = _import_directory() / checkpoint.id
    unhashed = [RecordedFile(name, path.stat().st_size, "") for name, path in found.files.items()]
    record = CheckpointRecord(
        checkpoint.id, checkpoint.repository, "", str(target), tuple(unhashed)
    )
    write_record(record)
    hashed: list[RecordedFile] = []
    done, total = 0, max(record.size_bytes, 1)
    for file in unhashed:
        part = progress.part(
            progress.stage, done / total, (done + file.size_bytes * HASHING_SHARE) / total
        )
        digest = hash_file(found.files[file.path], part)
        check_known_digest(checkpoint, found.files[file.path], file.path, digest)
        _place_file(found.files[file.path], target / file.path, is_linked)
        hashed.append(RecordedFile(file.path, file.size_bytes, digest))
        done += file.size_bytes
    write_record(replace(record, files=tuple(hashed), is_whole=True))
    progress.step(1, 1)


def _place_file(source: Path, target: Path, is_linked: bool) -> None:
    """Copy or link `source` to `target`, which appears complete or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as part:
        if is_linked:
            part.symlink_to(source.resolve())
        else:
            shutil.copyfile(source, part)


def _size(found: DiscoveredCheckpoint) -> int:
    return sum(path.stat().st_size for path in found.files.values())


def _import_directory() -> Path:
    return weights_directory() / "imported"
