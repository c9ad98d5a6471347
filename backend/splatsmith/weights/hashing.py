"""Hashes of large files, with progress and cancellation."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import file_digest
from ..progress import Progress, silent

if TYPE_CHECKING:
    from hashlib import _Hash

CHUNK = 8 << 20
GIT_DIGEST_LETTERS = 40


def hash_file(path: Path, progress: Progress) -> str:
    """As `files.file_digest`, with progress.

    Raises:
        Cancelled: from `progress`.
    """
    return _digest(path, hashlib.sha256(), progress)


def copy_file(source: Path, target: Path, progress: Progress) -> str:
    """Copy a file and return its SHA-256.

    Raises:
        Cancelled: from `progress`.
    """
    digest, size = hashlib.sha256(), source.stat().st_size
    with source.open("rb") as file, target.open("wb") as output:
        while chunk := file.read(CHUNK):
            output.write(chunk)
            digest.update(chunk)
            progress.step(file.tell(), size)
    return digest.hexdigest()


def has_digest(path: Path, digest: str) -> bool:
    """Whether the file has this SHA-256, or this SHA-1 as a blob of git."""
    if len(digest) != GIT_DIGEST_LETTERS:
        return file_digest(path) == digest
    header = f"blob {path.stat().st_size}\0".encode()
    return _digest(path, hashlib.sha1(header, usedforsecurity=False), silent()) == digest


def _digest(path: Path, digest: _Hash, progress: Progress) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            progress.step(file.tell(), size)
    return digest.hexdigest()
