"""Taking files in: counted while they arrive, checked before they get an id."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ..contract.cloud import read_cloud
from ..contract.problems import InvalidRequest
from ..contract.wire import Upload
from ..images import read_picture
from ..settings import MAX_CLOUD_BYTES, MAX_PICTURE_BYTES
from .artifacts import DataFolder

Check = Callable[[Path], object]


class TooLarge(InvalidRequest):
    """Raised when a body is longer than its route takes."""

    code = "too-large"
    title = "The file is too large"
    status = 413


async def take_picture(request: Request, files: DataFolder) -> Upload:
    """Keep the posted picture.

    Raises:
        TooLarge, UnreadablePicture: what the names say.
    """
    return await _take(request, files, MAX_PICTURE_BYTES, read_picture)


async def take_cloud(request: Request, files: DataFolder) -> Upload:
    """Keep the posted splat file.

    Raises:
        TooLarge, UnreadableCloud: what the names say.
    """
    return await _take(request, files, MAX_CLOUD_BYTES, read_cloud)


async def read_body(request: Request, limit: int) -> bytes:
    """A body of at most `limit` bytes.

    Raises:
        TooLarge: it is longer.
    """
    _check_announced(request, limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _check_length(len(body), limit)
    return bytes(body)


async def _take(request: Request, files: DataFolder, limit: int, check: Check) -> Upload:
    _check_announced(request, limit)
    folder = Path(tempfile.mkdtemp(dir=files.uploads, prefix=".arriving-"))
    path = folder / "The upload"  # its name in what the check complains of
    try:
        with path.open("wb") as file:
            upload = await _receive(request, file, limit)
        await run_in_threadpool(check, path)
        path.replace(files.uploads / upload.id)
    finally:
        shutil.rmtree(folder)
    return upload


async def _receive(request: Request, file: BinaryIO, limit: int) -> Upload:
    digest = hashlib.sha256()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        _check_length(size, limit)
        digest.update(chunk)
        file.write(chunk)
    return Upload(digest.hexdigest(), size)


def _check_announced(request: Request, limit: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal():
        _check_length(int(announced), limit)


def _check_length(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"The body is longer than {limit / 2**20:,.0f} MiB.", "Send a smaller file.")
