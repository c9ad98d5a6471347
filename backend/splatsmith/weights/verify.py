"""Whether what is here is still, byte for byte, what came."""

from __future__ import annotations

from dataclasses import replace

from ..contract.cards import Checkpoint
from ..errors import WeightsDamaged
from ..progress import Progress
from .expected import check_expected
from .hashing import digest_of
from .integrity import check_signatures
from .records import KnownFile, Record, read_record, write_record
from .status import folder_of, how_to_get


def verify(checkpoint: Checkpoint, progress: Progress) -> None:
    """Read every file of a checkpoint again. One found damaged is fetched anew by a download.

    Raises:
        WeightsMissing: it is not here.
        WeightsDamaged: a file's content is not what it was, or of another checkpoint.
        Cancelled: from `progress`.
    """
    folder_of(checkpoint)
    record = read_record(checkpoint)
    assert record is not None
    try:
        done, total = 0, max(record.size_bytes, 1)
        for file in record.files:
            share = (done / total, (done + file.size_bytes) / total)
            _check(checkpoint, record, file, progress.part(file.path, *share))
            done += file.size_bytes
        check_signatures(checkpoint, record)
    except WeightsDamaged:
        write_record(replace(record, is_whole=False))
        raise


def _check(checkpoint: Checkpoint, record: Record, file: KnownFile, progress: Progress) -> None:
    path = record.path_of(file)
    digest = digest_of(path, progress)
    check_expected(checkpoint, path, file.path, digest)
    if digest != file.sha256:
        raise WeightsDamaged(
            f"{path} is not what it was when it came: its SHA-256 differs.",
            how_to_get(checkpoint),
        )
