"""The files of a SOG asset: members of a ZIP file or files of a folder, limited before decoding."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .limits import check_expansion, cut_off, damaged

MAX_META_BYTES = 4 * 2**20
_PIXEL_BYTES = 4
_IMAGES = 6  # with a pixel a Gaussian
_SLACK = 2**16  # pixels that an image may have beyond twice the Gaussians
_MAX_MEMBERS = 1000
# What version 2 of the format may use: images of 8 bits, without loss.
_KINDS = ("WEBP", "PNG")


class _Files(Protocol):
    def size(self, name: str) -> int: ...

    def read(self, name: str) -> bytes: ...


class SogSource:
    """Reads meta.json and images by the names in it."""

    def __init__(self, files: _Files, path: Path) -> None:
        self._files = files
        self._path = path
        self._bytes = 0

    def read_file(self, name: str) -> bytes:
        """A small file.

        Raises:
            UnreadableCloud: it is absent, too large or damaged.
        """
        size = self._size(name)
        if size > MAX_META_BYTES:
            raise damaged(self._path, f"its {name} has {size:,} bytes")
        return self._read(name)

    def check_total(self, count: int) -> None:
        """Refuse `count` Gaussians if the whole asset is too small for them.

        Raises:
            UnreadableCloud: it is.
        """
        total = self._path.stat().st_size if self._path.is_file() else 0
        if self._path.name.lower() == "meta.json" or self._path.is_dir():
            folder = self._path if self._path.is_dir() else self._path.parent
            total = sum(each.stat().st_size for each in folder.iterdir() if each.is_file())
        self._bytes = total
        check_expansion(self._path, count * _PIXEL_BYTES * _IMAGES, total)

    def read_pixels(self, name: str, count: int) -> NDArray[np.uint8]:
        """[P, 4] RGBA of an image with at least `count` pixels.

        Raises:
            UnreadableCloud: it has fewer or far more, or is no such image.
        """
        pixels = self._decode(name, 2 * count + _SLACK).reshape(-1, _PIXEL_BYTES)
        if len(pixels) < count:
            raise damaged(self._path, f"{name} has {len(pixels):,} pixels for {count:,} Gaussians")
        return pixels

    def read_image(self, name: str) -> NDArray[np.uint8]:
        """[H, W, 4] RGBA of an image of any size that the asset's bytes allow.

        Raises:
            UnreadableCloud: it is no such image.
        """
        return self._decode(name, 2**31)

    def _decode(self, name: str, most_pixels: int) -> NDArray[np.uint8]:
        data = self._read(name)
        try:
            with _pillows_limit_off(), Image.open(BytesIO(data), formats=_KINDS) as image:
                width, height = image.size
                check_expansion(self._path, width * height * _PIXEL_BYTES, self._bytes)
                if width * height > most_pixels:
                    raise damaged(self._path, f"{name} is {width} x {height} pixels large")
                return np.asarray(image.convert("RGBA"))
        except (
            UnidentifiedImageError,
            OSError,
            SyntaxError,
            ValueError,
            Image.DecompressionBombError,
        ) as error:
            raise damaged(self._path, f"its {name} is no picture ({error})") from error

    def _size(self, name: str) -> int:
        try:
            return self._files.size(name)
        except (KeyError, OSError, ValueError) as error:
            raise damaged(self._path, f"it has no {name[:80]!r}") from error

    def _read(self, name: str) -> bytes:
        size = self._size(name)
        check_expansion(self._path, size, max(self._bytes, self._stored_bytes()))
        try:
            return self._files.read(name)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise damaged(self._path, f"its {name} cannot be unpacked ({error})") from error
        except (RuntimeError, NotImplementedError) as error:  # encrypted; unknown compression
            raise damaged(self._path, f"its {name} cannot be unpacked ({error})") from error

    def _stored_bytes(self) -> int:
        return self._path.stat().st_size


@contextmanager
def _pillows_limit_off() -> Iterator[None]:
    """Images of splats have more pixels than pictures: the limit here is by the file's size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


class _ZipFiles:
    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        self._archive = archive
        self._folder = folder

    def size(self, name: str) -> int:
        return self._archive.getinfo(self._folder + name).file_size

    def read(self, name: str) -> bytes:
        """Never more than the directory says: zipfile stops there."""
        return self._archive.read(self._folder + name)


class _FolderFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def size(self, name: str) -> int:
        return self._file(name).stat().st_size

    def read(self, name: str) -> bytes:
        return self._file(name).read_bytes()

    def _file(self, name: str) -> Path:
        """In the folder itself: meta.json may be anybody's."""
        if not name or name != Path(name).name or "\\" in name:
            raise ValueError(name)
        return self._folder / name


@contextmanager
def open_source(path: Path) -> Iterator[SogSource]:
    """The SOG asset at `path`: a bundle, a folder, or the meta.json in one.

    Raises:
        UnreadableCloud: it is neither.
    """
    if path.is_dir():
        yield SogSource(_FolderFiles(path), path)
        return
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                raise cut_off(path)
        yield SogSource(_FolderFiles(path.parent), path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise damaged(path, f"it is no ZIP file ({error})") from error
    with archive:
        names = archive.namelist()
        if len(names) > _MAX_MEMBERS:
            raise damaged(path, f"it has {len(names):,} files in it")
        yield SogSource(_ZipFiles(archive, _meta_folder(names)), path)


def _meta_folder(names: list[str]) -> str:
    """Where in an archive meta.json is: at its top, or in the one folder that somebody zipped."""
    found = [name for name in names if name == "meta.json" or name.endswith("/meta.json")]
    return min(found, key=len)[: -len("meta.json")] if found else ""
