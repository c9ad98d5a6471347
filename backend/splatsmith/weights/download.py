"""Downloads: planned and checked for room before they start, hashed before they count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..contract.cards import Checkpoint, CheckpointFile
from ..contract.checkpoints import CheckpointState
from ..errors import HubRefused
from ..files import file_digest
from ..progress import Progress
from .disk_space import check_room
from .expected import check_expected
from .hub import Hub, HubFile, Listing
from .integrity import check_signatures
from .licences import check_accepted
from .patterns import matching
from .records import KnownFile, Record, write_record
from .status import status_of

WHOLE_PROGRESS = 1_000_000
SHA256_LETTERS = 64


@dataclass(frozen=True)
class Plan:
    """What a download of `checkpoint` brings, and how much of it is here already."""

    checkpoint: Checkpoint
    commit: str
    files: tuple[HubFile, ...]
    present_bytes: int

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def download(checkpoints: Sequence[Checkpoint], hub: Hub, progress: Progress) -> None:
    """Bring all these checkpoints here; those that are here are left alone.

    Raises:
        Cancelled: from `progress`; what has arrived is kept for the next time.
        LicenceNotAccepted, HubRefused, HubUnreachable, StorageFull, WeightsDamaged: what the
            names say.
    """
    wanted = [c for c in checkpoints if status_of(c).state is not CheckpointState.HERE]
    check_accepted(wanted)
    progress.part("Asking the hub", 0, 0).step(0, 1)
    plans = [plan(checkpoint, hub) for checkpoint in wanted]
    check_room(hub.cache, sum(each.size_bytes - each.present_bytes for each in plans))
    total = sum(each.size_bytes for each in plans)
    done = 0
    for each in plans:
        start, done = done, done + each.size_bytes
        part = progress.part(each.checkpoint.title, start / max(total, 1), done / max(total, 1))
        _carry_out(each, hub, part)


def plan(checkpoint: Checkpoint, hub: Hub) -> Plan:
    """Look up what the checkpoint's patterns stand for at the hub.

    Raises:
        HubRefused: a pattern stands for nothing there; or the hub refuses to answer.
        HubUnreachable: the hub does not answer.
    """
    listing = hub.list_files(checkpoint)
    by_path = {file.path: file for file in listing.files}
    files: dict[str, HubFile] = {}
    for file in checkpoint.files:
        files |= {path: by_path[path] for path in _listed(checkpoint, file, listing)}
    present = sum(hub.present_bytes(checkpoint, listing.commit, f) for f in files.values())
    return Plan(checkpoint, listing.commit, tuple(files.values()), present)


def _listed(checkpoint: Checkpoint, file: CheckpointFile, listing: Listing) -> list[str]:
    found = matching((each.path for each in listing.files), file)
    if not found:
        raise HubRefused(
            f"{checkpoint.repository} has no {file.path}, a part of {checkpoint.title}.",
            "Its owner may have moved it; a newer Splatsmith may know where.",
        )
    return found


def _carry_out(plan: Plan, hub: Hub, progress: Progress) -> None:
    """Fetch the plan's files one by one, and record them as they come."""
    folder = hub.folder_of(plan.checkpoint, plan.commit)
    known = tuple(KnownFile(f.path, f.size_bytes, "") for f in plan.files)
    checkpoint = plan.checkpoint
    record = Record(checkpoint.id, checkpoint.repository, plan.commit, str(folder), known)
    write_record(record)
    done = 0
    for file in plan.files:
        _fetch(plan, file, hub, progress, done)
        done += file.size_bytes
    check_signatures(plan.checkpoint, record)
    write_record(replace(record, files=_hashed(plan, folder), is_whole=True))
    progress.step(1, 1)


def _hashed(plan: Plan, folder: Path) -> tuple[KnownFile, ...]:
    """The files with the SHA-256 that `fetch` has checked; git's hash of small ones says less."""
    known: list[KnownFile] = []
    for file in plan.files:
        is_sha256 = len(file.digest) == SHA256_LETTERS
        digest = file.digest if is_sha256 else file_digest(folder / file.path)
        check_expected(plan.checkpoint, folder / file.path, file.path, digest)
        known.append(KnownFile(file.path, file.size_bytes, digest))
    return tuple(known)


def _fetch(plan: Plan, file: HubFile, hub: Hub, progress: Progress, before: int) -> None:
    def arrived(count: int) -> None:
        share = (before + count) / max(plan.size_bytes, 1)
        progress.step(int(share * WHOLE_PROGRESS), WHOLE_PROGRESS)

    arrived(0)
    hub.fetch(plan.checkpoint, plan.commit, file, arrived)
