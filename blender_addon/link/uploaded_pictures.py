"""The pictures that were uploaded from this machine, kept for "Use Its Settings".

An upload's id is the SHA-256 of the file, so a request leads back to its pictures.
"""

from __future__ import annotations

from pathlib import Path

from ..contract.files import atomic_write


def keep_picture(folder: Path, upload: str, data: bytes) -> None:
    """Write an uploaded picture into `folder`.

    Raises:
        OSError: `folder` cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / upload).is_file():
        with atomic_write(folder / upload) as part:
            part.write_bytes(data)


def find_picture(folder: Path, upload: str) -> Path | None:
    """The file of a picture that was uploaded from here."""
    path = folder / upload
    return path if path.is_file() else None
