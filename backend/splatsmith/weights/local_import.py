"""Importing checkpoints that are on the disk already: copied, or linked to where they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..contract.cards import Checkpoint
from ..contract.checkpoints import CheckpointState
from ..contract.problems import InvalidRequest
from ..errors import WeightsDamaged
from ..progress import Progress
from .discovery import Found, search
from .disk_space import check_room
from .expected import check_expected
from .hashing import digest_of
from .records import KnownFile, Record, weights_directory, write_record
from .status import status_of

HASHING_SHARE = 0.5


@dataclass(frozen=True)
class Adoption:
    """What became of an import: checkpoints that are new here, and sentences on the others."""

    imported: tuple[Checkpoint, ...]
    kept: tuple[Checkpoint, ...]
    doubts: tuple[str, ...]


def adopt(
    folder: Path, checkpoints: Sequence[Checkpoint], is_linked: bool, progress: Progress
) -> Adoption:
    """Import those of `checkpoints` that are in `folder`; those that are here already are kept.

    Args:
        is_linked: leave the files where they are, and remember where.

    Raises:
        InvalidRequest: there is no such folder, or nothing in it is known.
        WeightsDamaged: all that was found is damaged, or of other checkpoints.
        StorageFull: the copies do not fit on the disk.
        Cancelled: from `progress`.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"There is no folder {folder}.", "Check its name.")
    found = search(folder.resolve(), checkpoints)
    if not found.found:
        _refuse(folder, found.doubts)
    new = [f for f in found.found if status_of(f.checkpoint).state is not CheckpointState.HERE]
    if not is_linked:
        check_room(_home(), sum(map(_size, new)))
    for number, each in enumerate(new):
        title = each.checkpoint.title
        _import(each, is_linked, progress.part(title, number / len(new), (number + 1) / len(new)))
    kept = tuple(each.checkpoint for each in found.found if each not in new)
    return Adoption(tuple(each.checkpoint for each in new), kept, found.doubts)


def _refuse(folder: Path, doubts: Sequence[str]) -> None:
    if doubts:
        raise WeightsDamaged(" ".join(doubts), "Nothing was imported.")
    raise InvalidRequest(
        f"{folder} holds no whole checkpoint that is known.",
        "It may be laid out as on the hub, or be the hub's cache; see `splatsmith weights list`.",
    )


def _import(found: Found, is_linked: bool, progress: Progress) -> None:
    checkpoint = found.checkpoint
    target = _home() / checkpoint.id
    known = [KnownFile(name, path.stat().st_size, "") for name, path in found.files.items()]
    record = Record(checkpoint.id, checkpoint.repository, "", str(target), tuple(known))
    write_record(record)
    hashed: list[KnownFile] = []
    done, total = 0, max(record.size_bytes, 1)
    for file in known:
        part = progress.part(
            progress.stage, done / total, (done + file.size_bytes * HASHING_SHARE) / total
        )
        digest = digest_of(found.files[file.path], part)
        check_expected(checkpoint, found.files[file.path], file.path, digest)
        _place(found.files[file.path], target / file.path, is_linked)
        hashed.append(KnownFile(file.path, file.size_bytes, digest))
        done += file.size_bytes
    write_record(replace(record, files=tuple(hashed), is_whole=True))
    progress.step(1, 1)


def _place(source: Path, target: Path, is_linked: bool) -> None:
    """The file at its new place: whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    if is_linked:
        part.symlink_to(source.resolve())
    else:
        shutil.copyfile(source, part)
    part.replace(target)


def _size(found: Found) -> int:
    return sum(path.stat().st_size for path in found.files.values())


def _home() -> Path:
    return weights_directory() / "imported"
