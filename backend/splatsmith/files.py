"""Files by their hash, and atomic writing of files (see contract.files) and directories."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .contract.files import atomic_write
from .contract.problems import NotFound
from .errors import StorageFull

__all__ = ["atomic_directory", "atomic_write", "file_digest", "upload_path", "write_json"]

UPLOAD_ID = re.compile(r"\b[0-9a-f]{64}\b")  # the SHA-256 of the file


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def upload_path(uploads: Path, upload_id: str) -> Path:
    """The uploaded file `upload_id` in the folder `uploads`.

    Raises:
        NotFound: there is none.
    """
    path = uploads / upload_id
    if not UPLOAD_ID.fullmatch(upload_id) or not path.is_file():
        raise NotFound(f"There is no upload {upload_id!r}.", "Upload the file again.")
    return path


def write_json(path: Path, value: object) -> None:
    """Write plain JSON values to `path`, atomically; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        text = json.dumps(value, indent=2, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")


@contextmanager
def atomic_directory(folder: Path) -> Iterator[Path]:
    """Yield a new folder inside `folder`; at the end its files replace those of `folder`.

    After an exception `folder` is as before: absent if it was absent.

    Raises:
        StorageFull: `folder` cannot be created.
    """
    existed = folder.is_dir()
    partial = _create_partial(folder)
    try:
        yield partial
        for path in sorted(partial.iterdir()):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if not existed and not any(folder.iterdir()):
            folder.rmdir()


def _create_partial(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    except FileExistsError:
        raise StorageFull(f"{folder} is a file.", "Choose another folder.") from None
    except (FileNotFoundError, NotADirectoryError):
        raise StorageFull(f"{folder} cannot be made.", "Choose another folder.") from None
