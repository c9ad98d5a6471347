"""job.json beside the files of an asset: read only if Splatsmith wrote it, for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from .artifacts import JOB_RECORD, MEDIA_TYPES

FILES = "files"
_MAX_BYTES = 16 << 20


def read_record(folder: Path, names: Iterable[str] = ()) -> Mapping[str, object] | None:
    """The record in `folder` of the files with `names`.

    None if there is none, another program wrote it, it is damaged, or it lists one of them not.
    Records without a list, of older versions, hold for files with an artifact's name.
    """
    record = _read_object(folder / JOB_RECORD)
    if record is None or not isinstance(record.get("request"), dict):
        return None
    versions = record.get("versions")
    if not isinstance(versions, dict) or "protocol" not in versions:
        return None
    files = record.get(FILES, list(MEDIA_TYPES))
    return record if isinstance(files, list) and set(names) <= set(_texts(files)) else None


def _read_object(path: Path) -> dict[str, object] | None:
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _texts(values: object) -> list[str]:
    return [value for value in cast("list[object]", values) if isinstance(value, str)]
