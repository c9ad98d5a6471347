"""Downloads: planned and checked for disk space before they start, hashed before they count.

What is published as a pickle is converted to safetensors afterwards; the original stays in the
hub's cache, where other programs may use it, and is not opened again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..contract.cards import Checkpoint, CheckpointFile
from ..contract.checkpoints import CheckpointState
from ..contract.problems import InvalidRequest
from ..errors import HubRefused
from ..files import file_digest
from ..progress import Progress
from .disk_space import check_free_space
from .hub import Hub, HubFile, Listing
from .integrity import check_known_digest, check_tensors
from .licences import check_accepted
from .path_patterns import has_pickles, matching
from .records import CheckpointRecord, RecordedFile, weights_directory, write_record
from .status import download_hint, status_of
from .storage import FileToStore, store_file

PROGRESS_STEPS = 1_000_000
FETCHED = 0.8  # progress at which the conversion of pickles begins
SHA256_LETTERS = 64


@dataclass(frozen=True)
class DownloadPlan:
    """The files that a download of `checkpoint` fetches; `present_bytes` of them have arrived."""

    checkpoint: Checkpoint
    commit: str
    files: tuple[HubFile, ...]
    present_bytes: int

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def converted_bytes(self) -> int:
        """Bytes that a conversion writes: of all files, which are stored together."""
        return self.size_bytes if has_pickles(self.checkpoint) else 0


def download(checkpoints: Sequence[Checkpoint], hub: Hub, progress: Progress) -> tuple[str, ...]:
    """Fetch these checkpoints; those that are complete are left alone. Returns notes for the user.

    Raises:
        Cancelled: from `progress`; partial files are kept and resumed the next time.
        LicenceNotAccepted, HubRefused, HubUnreachable, StorageFull, WeightsDamaged: what the
            names say.
    """
    for checkpoint in checkpoints:
        if not checkpoint.is_downloadable:
            raise InvalidRequest(f"{checkpoint.title} is no download.", download_hint(checkpoint))
    wanted = [c for c in checkpoints if status_of(c).state is not CheckpointState.PRESENT]
    check_accepted(wanted)
    progress.part("Asking the hub", 0, 0).step(0, 1)
    plans = [plan_download(checkpoint, hub) for checkpoint in wanted]
    check_free_space(hub.cache, sum(each.size_bytes - each.present_bytes for each in plans))
    check_free_space(weights_directory(), sum(each.converted_bytes for each in plans))
    total = sum(each.size_bytes for each in plans)
    done = 0
    for each in plans:
        start, done = done, done + each.size_bytes
        part = progress.part(each.checkpoint.title, start / max(total, 1), done / max(total, 1))
        _download_plan(each, hub, part)
    return tuple(
        f"{each.title} was converted to safetensors. The original stays in the hub's cache, unused."
        for each in wanted
        if has_pickles(each)
    )


def plan_download(checkpoint: Checkpoint, hub: Hub) -> DownloadPlan:
    """Resolve the checkpoint's path patterns against the hub's listing.

    Raises:
        HubRefused: a pattern matches nothing there, or the hub refuses to answer.
        HubUnreachable: the hub does not answer.
    """
    listing = hub.list_files(checkpoint)
    by_path = {file.path: file for file in listing.files}
    files: dict[str, HubFile] = {}
    for file in checkpoint.files:
        files |= {path: by_path[path] for path in _matching_paths(checkpoint, file, listing)}
    present = sum(hub.present_bytes(checkpoint, listing.commit, f) for f in files.values())
    return DownloadPlan(checkpoint, listing.commit, tuple(files.values()), present)


def _matching_paths(checkpoint: Checkpoint, file: CheckpointFile, listing: Listing) -> list[str]:
    found = matching((each.path for each in listing.files), file)
    if not found:
        raise HubRefused(
            f"{checkpoint.repository} has no {file.path}, a part of {checkpoint.title}.",
            "Its owner may have moved it; a newer Splatsmith may know where.",
        )
    return found


def _download_plan(plan: DownloadPlan, hub: Hub, progress: Progress) -> None:
    """Fetch the plan's files in turn; the record is complete once all are checked."""
    folder = hub.folder_of(plan.checkpoint, plan.commit)
    files = tuple(RecordedFile(f.path, f.size_bytes, "") for f in plan.files)
    checkpoint = plan.checkpoint
    record = CheckpointRecord(checkpoint.id, checkpoint.repository, plan.commit, str(folder), files)
    write_record(record)
    fetching = progress.part(progress.stage, 0, FETCHED if has_pickles(checkpoint) else 1)
    done = 0
    for file in plan.files:
        _fetch(plan, file, hub, fetching, done)
        done += file.size_bytes
    record = replace(record, files=_with_digests(plan, folder))
    if has_pickles(checkpoint):
        record = _converted(checkpoint, record, progress.part("Converting", FETCHED, 1))
    check_tensors(checkpoint, record)
    write_record(replace(record, is_whole=True))
    progress.step(1, 1)


def _converted(
    checkpoint: Checkpoint, record: CheckpointRecord, progress: Progress
) -> CheckpointRecord:
    """The record of the same files in a folder of ours, their pickles converted."""
    folder = weights_directory() / "converted" / checkpoint.id
    stored: list[RecordedFile] = []
    for number, file in enumerate(record.files):
        share = number / len(record.files), (number + 1) / len(record.files)
        task = FileToStore(checkpoint, file.path, record.path_of(file), folder)
        stored.append(store_file(task, progress.part(progress.stage, *share)))
    return replace(record, folder=str(folder), files=tuple(stored))


def _with_digests(plan: DownloadPlan, folder: Path) -> tuple[RecordedFile, ...]:
    """The files with their SHA-256; the hub gives a git hash (SHA-1) for small ones."""
    files: list[RecordedFile] = []
    for file in plan.files:
        is_sha256 = len(file.digest) == SHA256_LETTERS
        digest = file.digest if is_sha256 else file_digest(folder / file.path)
        check_known_digest(plan.checkpoint, folder / file.path, file.path, digest)
        files.append(RecordedFile(file.path, file.size_bytes, digest))
    return tuple(files)


def _fetch(plan: DownloadPlan, file: HubFile, hub: Hub, progress: Progress, before: int) -> None:
    def report_bytes(count: int) -> None:
        share = (before + count) / max(plan.size_bytes, 1)
        progress.step(int(share * PROGRESS_STEPS), PROGRESS_STEPS)

    report_bytes(0)
    hub.fetch(plan.checkpoint, plan.commit, file, report_bytes)
