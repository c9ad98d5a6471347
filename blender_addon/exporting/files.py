"""Files of exported splats: complete under their name, or as they were before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..contract.cloud import OnProgress, ignore_progress, write_cloud, write_far_cloud
from ..contract.files import atomic_write
from ..contract.problems import SplatsmithError
from .splat_source import SplatSource


class FileNotExported(SplatsmithError):
    """Raised when the file of an export cannot be written."""

    code = "file-not-exported"
    title = "The file cannot be written"
    status = 507


@dataclass(frozen=True)
class Export:
    """A written file.

    notes: sentences for the user on what was left out or written in an unusual way.
    """

    path: Path
    count: int
    notes: tuple[str, ...] = ()


def write_ply(source: SplatSource, path: Path, on_progress: OnProgress = ignore_progress) -> Export:
    """Write the splats as a PLY file, whose header says which axis points up.

    Raises:
        FileNotExported: it cannot be written.
    """
    check_target(path)
    with _translated_errors(path):
        if source.origin is None:
            write_cloud(path, source.cloud(), up=source.up, on_progress=on_progress)
            return Export(path, source.count, source.notes)
        write_far_cloud(path, source.cloud(), source.origin, source.up, on_progress)
    note = "Positions have 64 bits, since the splats are far from the origin."
    return Export(path, source.count, (*source.notes, note))


def move_result(file: Path, path: Path) -> None:
    """Move a finished `file` to `path`, atomically and from whatever disk.

    Raises:
        FileNotExported: it cannot be written there; `file` stays.
    """
    check_target(path)
    with _translated_errors(path):
        with atomic_write(path) as part:
            shutil.copyfile(file, part)
        file.unlink()


def check_target(path: Path) -> None:
    """Refuse a path that no file can be written to, before anything is computed.

    Raises:
        FileNotExported: its folder is missing or not writable, or it is a folder itself.
    """
    if not path.parent.is_dir():
        raise FileNotExported(f"There is no folder {path.parent}.", "Choose another one.")
    if path.is_dir():
        raise FileNotExported(f"{path} is a folder.", "Give the file a name.")
    if not os.access(path.parent, os.W_OK):
        raise FileNotExported(f"{path.parent} may not be written to.", "Choose another folder.")


@contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileNotExported(
            f"{path} cannot be written: {error.strerror}.", "Make room, or choose another folder."
        ) from error
