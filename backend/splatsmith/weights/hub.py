"""The model hub, or a mirror of it, through huggingface_hub.

The library restarts a file whose download was killed. Files of many gigabytes are resumed here with
its own range requests, one level lower, and land in its cache, which other programs share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout
from huggingface_hub import constants
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.file_download import (
    hf_hub_download,
    hf_hub_url,
    http_get,
    repo_folder_name,
)
from huggingface_hub.hf_api import HfApi, RepoSibling
from huggingface_hub.utils import build_hf_headers, get_token

from ..contract.cards import Checkpoint
from ..errors import HubUnreachable, WeightsDamaged
from .hashing import has_digest
from .hub_errors import translate_hub_errors

ReportBytes = Callable[[int], None]


@dataclass(frozen=True)
class HubFile:
    """A file of a repository at one commit.

    digest: its SHA-256; for small files outside LFS, the SHA-1 of its git blob.
    """

    path: str
    size_bytes: int
    digest: str


@dataclass(frozen=True)
class Listing:
    """All files of a repository at `commit`."""

    commit: str
    files: tuple[HubFile, ...]


@dataclass(frozen=True)
class Hub:
    """An endpoint, the local cache and the user's token."""

    endpoint: str
    cache: Path
    token: str | None = field(default=None, repr=False)
    is_offline: bool = False

    @classmethod
    def of_environment(cls) -> Self:
        """From HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE."""
        return cls(
            constants.ENDPOINT,
            Path(constants.HF_HUB_CACHE),
            get_token(),
            constants.is_offline_mode(),
        )

    def list_files(self, checkpoint: Checkpoint) -> Listing:
        """The files of the checkpoint's repository.

        Raises:
            HubRefused, HubUnreachable: what the names say.
        """
        with translate_hub_errors(checkpoint, self.endpoint, self.token):
            self._refuse_offline()
            info = HfApi(self.endpoint, token=self.token or False).model_info(
                checkpoint.repository, revision=checkpoint.revision, files_metadata=True
            )
        siblings = info.siblings or []
        return Listing(info.sha or checkpoint.revision, tuple(map(_hub_file, siblings)))

    def folder_of(self, checkpoint: Checkpoint, commit: str) -> Path:
        """The library's snapshot directory of that commit."""
        return self._store(checkpoint) / "snapshots" / commit

    def present_bytes(self, checkpoint: Checkpoint, commit: str, file: HubFile) -> int:
        """Bytes of `file` that have arrived."""
        complete = self.folder_of(checkpoint, commit) / file.path
        blob = self._blob(checkpoint, file.digest)
        sizes = (path.stat().st_size for path in (complete, blob, _part(blob)) if path.is_file())
        return next(sizes, 0)

    def fetch(
        self, checkpoint: Checkpoint, commit: str, file: HubFile, report_bytes: ReportBytes
    ) -> Path:
        """Download `file` into the cache, check it and return its path.

        Args:
            report_bytes: called with the count of bytes that have arrived; may raise to stop.
                Partial files are kept.

        Raises:
            HubRefused, HubUnreachable: what the names say.
            WeightsDamaged: its digest is not the announced one; it is removed.
            OSError: it cannot be written.
        """
        target = self.folder_of(checkpoint, commit) / file.path
        if target.is_file() and _matches(target, file):
            return target
        target.unlink(missing_ok=True)
        blob = self._blob(checkpoint, file.digest)
        blob.parent.mkdir(parents=True, exist_ok=True)
        lock = _exclusive_lock(self._lock_file(checkpoint, file))
        with translate_hub_errors(checkpoint, self.endpoint, self.token), lock:
            self._refuse_offline()
            if not (blob.is_file() and _matches(blob, file)):
                blob.unlink(missing_ok=True)
                self._download_blob(checkpoint, commit, file, report_bytes)
            return self._link_into_snapshot(checkpoint, commit, file, blob)

    def _download_blob(
        self, checkpoint: Checkpoint, commit: str, file: HubFile, report_bytes: ReportBytes
    ) -> None:
        blob = self._blob(checkpoint, file.digest)
        part = _part(blob)
        url = hf_hub_url(checkpoint.repository, file.path, revision=commit, endpoint=self.endpoint)
        with part.open("ab") as partial:
            present = part.stat().st_size
            if present < file.size_bytes:
                http_get(
                    url,
                    partial,
                    resume_size=present,
                    headers=build_hf_headers(token=self.token or False),
                    expected_size=file.size_bytes,
                    tqdm_class=_progress_bar_class(lambda: report_bytes(part.stat().st_size)),  # pyright: ignore[reportArgumentType]
                )
        if not _matches(part, file):
            part.unlink()
            raise WeightsDamaged(
                f"{file.path} of {checkpoint.title} arrived damaged and was removed.",
                "Try again; if it stays so, the hub or its mirror has a damaged file.",
            )
        part.replace(blob)

    def _link_into_snapshot(
        self, checkpoint: Checkpoint, commit: str, file: HubFile, blob: Path
    ) -> Path:
        """Have the library link the blob, which is in its cache already, into the snapshot."""
        linked = Path(
            hf_hub_download(
                checkpoint.repository,
                file.path,
                revision=commit,
                cache_dir=self.cache,
                endpoint=self.endpoint,
                token=self.token or False,
            )
        )
        if not linked.is_symlink():  # without symbolic links it is a copy
            blob.unlink(missing_ok=True)
        return linked

    def _store(self, checkpoint: Checkpoint) -> Path:
        return self.cache / repo_folder_name(repo_id=checkpoint.repository, repo_type="model")

    def _blob(self, checkpoint: Checkpoint, digest: str) -> Path:
        return self._store(checkpoint) / "blobs" / digest

    def _lock_file(self, checkpoint: Checkpoint, file: HubFile) -> Path:
        return self.cache / ".locks" / self._store(checkpoint).name / f"{file.digest}.part.lock"

    def _refuse_offline(self) -> None:
        if self.is_offline:
            raise OfflineModeIsEnabled


def _hub_file(sibling: RepoSibling) -> HubFile:
    if sibling.lfs is not None:
        return HubFile(sibling.rfilename, sibling.lfs.size, sibling.lfs.sha256)
    return HubFile(sibling.rfilename, sibling.size or 0, sibling.blob_id or "")


def _matches(path: Path, file: HubFile) -> bool:
    """Whether the file at `path` has the size and digest of `file`."""
    return path.stat().st_size == file.size_bytes and has_digest(path, file.digest)


def _part(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.incomplete")


@contextmanager
def _exclusive_lock(lock_file: Path) -> Iterator[None]:
    """Only one download of a file at a time.

    Raises:
        HubUnreachable: another process holds the lock.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HubUnreachable(
            "Another download of the same file is under way.", "Wait for it to end."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _progress_bar_class(on_update: Callable[[], None]) -> type:
    """A class with tqdm's interface, as `http_get` takes it, that calls `on_update`."""

    class Bar:
        def __init__(self, **_options: object) -> None:
            pass

        def update(self, _count: int) -> None:
            on_update()

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

    return Bar
