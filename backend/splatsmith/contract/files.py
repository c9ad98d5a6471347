"""Atomic writing of files: complete under their name, or not there at all."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Generator[Path, None, None]:
    """Yield a new name beside `path` to write to; at the end it replaces `path`.

    After an exception the new file is removed and `path` is as before. Two processes may write
    the same `path`: the last one wins.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
