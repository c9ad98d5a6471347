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
    if record is None or not _is_request(record.get("request")):
        return None
    files = record.get(FILES, list(MEDIA_TYPES))
    return (
        record
        if isinstance(files, list) and set(names) <= set(_texts(cast("object", files)))
        else None
    )


def _is_request(value: object) -> bool:
    """Whether it has what every request of Splatsmith names: its engine, or its cloud."""
    if not isinstance(value, dict):
        return False
    members = cast("dict[str, object]", value)
    return any(isinstance(members.get(name), str) for name in ("engine", "cloud"))


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
