"""Uploads: size limits while they arrive, validated before they get an id."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ..contract.problems import InvalidRequest
from ..contract.splat_formats import SplatFormat
from ..contract.wire import Upload
from ..errors import WeightsDamaged
from ..images import read_picture
from ..settings import MAX_CLOUD_BYTES, MAX_PICTURE_BYTES, MAX_WEIGHTS_BYTES
from ..weights.disk_space import check_free_space
from ..weights.file_formats import weights_format
from .artifacts import DataDirectory
from .cloud_check import check_cloud

Validate = Callable[[Path], object]


class TooLarge(InvalidRequest):
    """Raised when a body exceeds its route's limit."""

    code = "too-large"
    title = "The file is too large"
    status = 413


async def receive_picture(request: Request, files: DataDirectory) -> Upload:
    """Store the posted picture.

    Raises:
        TooLarge, UnreadablePicture: what the names say.
    """
    return await _receive_upload(request, files, MAX_PICTURE_BYTES, read_picture)


async def receive_cloud(
    request: Request, files: DataDirectory, format: SplatFormat | None = None
) -> Upload:
    """Store the posted splat file, of the `format` that is said, else told by its content.

    Raises:
        TooLarge, UnreadableCloud: what the names say.
    """
    return await _receive_upload(
        request, files, MAX_CLOUD_BYTES, partial(check_cloud, format=format)
    )


async def receive_weights(request: Request, files: DataDirectory) -> Upload:
    """Store the posted file of weights; what is in it is checked when it is imported.

    Raises:
        TooLarge, StorageFull: what the names say.
        InvalidRequest: it is no file of weights.
    """
    _check_content_length(request, MAX_WEIGHTS_BYTES)
    check_free_space(files.uploads, _content_length(request))
    return await _receive_upload(request, files, MAX_WEIGHTS_BYTES, _check_weights_format)


async def read_body(request: Request, limit: int) -> bytes:
    """A body of at most `limit` bytes.

    Raises:
        TooLarge: it is longer.
    """
    _check_content_length(request, limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _check_length(len(body), limit)
    return bytes(body)


async def _receive_upload(
    request: Request, files: DataDirectory, limit: int, validate: Validate
) -> Upload:
    _check_content_length(request, limit)
    folder = Path(tempfile.mkdtemp(dir=files.uploads, prefix=".incoming-"))
    path = folder / "The upload"  # the name in error messages
    try:
        with path.open("wb") as file:
            upload = await _save_body(request, file, limit)
        await run_in_threadpool(validate, path)
        path.replace(files.uploads / upload.id)
    finally:
        shutil.rmtree(folder)
    return upload


async def _save_body(request: Request, file: BinaryIO, limit: int) -> Upload:
    digest = hashlib.sha256()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        _check_length(size, limit)
        digest.update(chunk)
        file.write(chunk)
    return Upload(digest.hexdigest(), size)


def _check_weights_format(path: Path) -> None:
    try:
        weights_format(path)
    except WeightsDamaged as error:
        detail = error.detail.replace(str(path), path.name)
        raise InvalidRequest(detail, error.remedy) from error


def _check_content_length(request: Request, limit: int) -> None:
    _check_length(_content_length(request), limit)


def _content_length(request: Request) -> int:
    """As announced; 0 if it is not."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _check_length(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"The body is longer than {limit / 2**20:,.0f} MiB.", "Send a smaller file.")
