"""The model hub, or a mirror of it, through huggingface_hub.

That library begins a file anew when its process was ended in the middle of it; for files of many
gigabytes its range requests are used here one level lower, so that they go on where they stopped.
What arrives lands in the library's own cache, where other programs find it and leave it.
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
from .hub_errors import explained

Arrived = Callable[[int], None]


@dataclass(frozen=True)
class HubFile:
    """A file of a repository at one commit. `digest` is its SHA-256, or for small text files its
    git blob's SHA-1: what the hub names it by."""

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
    """Where to ask, where to keep what comes, and who asks."""

    endpoint: str
    cache: Path
    token: str | None = field(default=None, repr=False)
    is_offline: bool = False

    @classmethod
    def of_environment(cls) -> Self:
        """As HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE say."""
        return cls(
            constants.ENDPOINT,
            Path(constants.HF_HUB_CACHE),
            get_token(),
            constants.is_offline_mode(),
        )

    def list_files(self, checkpoint: Checkpoint) -> Listing:
        """What the checkpoint's repository holds.

        Raises:
            HubRefused, HubUnreachable: what the names say.
        """
        with explained(checkpoint, self.endpoint, self.token):
            self._refuse_offline()
            info = HfApi(self.endpoint, token=self.token or False).model_info(
                checkpoint.repository, revision=checkpoint.revision, files_metadata=True
            )
        siblings = info.siblings or []
        return Listing(info.sha or checkpoint.revision, tuple(map(_described, siblings)))

    def folder_of(self, checkpoint: Checkpoint, commit: str) -> Path:
        """Where the library's cache has the files of that commit."""
        return self._store(checkpoint) / "snapshots" / commit

    def present_bytes(self, checkpoint: Checkpoint, commit: str, file: HubFile) -> int:
        """How much of `file` has arrived, whether whole or in part."""
        whole = self.folder_of(checkpoint, commit) / file.path
        blob = self._blob(checkpoint, file.digest)
        sizes = (path.stat().st_size for path in (whole, blob, _part(blob)) if path.is_file())
        return next(sizes, 0)

    def fetch(self, checkpoint: Checkpoint, commit: str, file: HubFile, arrived: Arrived) -> Path:
        """Bring `file` into the cache, checked, and return where it is.

        Args:
            arrived: told how many bytes of it are here; may raise to break off. They are kept.

        Raises:
            HubRefused, HubUnreachable: what the names say.
            WeightsDamaged: what came is not what the hub announced; it is removed.
            OSError: it cannot be written.
        """
        target = self.folder_of(checkpoint, commit) / file.path
        if target.is_file() and _is(target, file):
            return target
        target.unlink(missing_ok=True)
        blob = self._blob(checkpoint, file.digest)
        blob.parent.mkdir(parents=True, exist_ok=True)
        with explained(checkpoint, self.endpoint, self.token), _alone(self._lock(checkpoint, file)):
            self._refuse_offline()
            if not (blob.is_file() and _is(blob, file)):
                blob.unlink(missing_ok=True)
                self._receive(checkpoint, commit, file, arrived)
            return self._put_into_snapshot(checkpoint, commit, file, blob)

    def _receive(
        self, checkpoint: Checkpoint, commit: str, file: HubFile, arrived: Arrived
    ) -> None:
        blob = self._blob(checkpoint, file.digest)
        part = _part(blob)
        url = hf_hub_url(checkpoint.repository, file.path, revision=commit, endpoint=self.endpoint)
        with part.open("ab") as partial:
            here = part.stat().st_size
            if here < file.size_bytes:
                http_get(
                    url,
                    partial,
                    resume_size=here,
                    headers=build_hf_headers(token=self.token or False),
                    expected_size=file.size_bytes,
                    tqdm_class=_bar(lambda: arrived(part.stat().st_size)),  # pyright: ignore[reportArgumentType]
                )
        if not _is(part, file):
            part.unlink()
            raise WeightsDamaged(
                f"{file.path} of {checkpoint.title} arrived damaged and was removed.",
                "Try again; if it stays so, the hub or its mirror has a damaged file.",
            )
        part.replace(blob)

    def _put_into_snapshot(
        self, checkpoint: Checkpoint, commit: str, file: HubFile, blob: Path
    ) -> Path:
        """Let the library file the blob that is already here where it and others look for it."""
        placed = Path(
            hf_hub_download(
                checkpoint.repository,
                file.path,
                revision=commit,
                cache_dir=self.cache,
                endpoint=self.endpoint,
                token=self.token or False,
            )
        )
        if not placed.is_symlink():  # a system without links got a copy
            blob.unlink(missing_ok=True)
        return placed

    def _store(self, checkpoint: Checkpoint) -> Path:
        return self.cache / repo_folder_name(repo_id=checkpoint.repository, repo_type="model")

    def _blob(self, checkpoint: Checkpoint, digest: str) -> Path:
        return self._store(checkpoint) / "blobs" / digest

    def _lock(self, checkpoint: Checkpoint, file: HubFile) -> Path:
        return self.cache / ".locks" / self._store(checkpoint).name / f"{file.digest}.part.lock"

    def _refuse_offline(self) -> None:
        if self.is_offline:
            raise OfflineModeIsEnabled


def _described(sibling: RepoSibling) -> HubFile:
    if sibling.lfs is not None:
        return HubFile(sibling.rfilename, sibling.lfs.size, sibling.lfs.sha256)
    return HubFile(sibling.rfilename, sibling.size or 0, sibling.blob_id or "")


def _is(path: Path, file: HubFile) -> bool:
    """Whether the file at `path` is the one that the hub describes."""
    return path.stat().st_size == file.size_bytes and has_digest(path, file.digest)


def _part(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.incomplete")


@contextmanager
def _alone(lock_file: Path) -> Iterator[None]:
    """Two downloads of one file would write over each other."""
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


def _bar(moved: Callable[[], None]) -> type:
    """A progress bar in the shape that the library makes and updates; draws nothing."""

    class Bar:
        def __init__(self, **_options: object) -> None:
            pass

        def update(self, _count: int) -> None:
            moved()

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_fault: object) -> None:
            pass

    return Bar
