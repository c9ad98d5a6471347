"""meta.json of a SOG asset, of version 2 and of the older one that says no version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.problems import UnreadableCloud
from .limits import check_count, damaged

VERSION = 2
_BOOK = 256  # entries of a codebook
_BANDS = {3: 1, 8: 2, 15: 3}  # degree by coefficients


@dataclass(frozen=True)
class MeansMeta:
    """Files of the low and the high bytes, and the range of the logarithms."""

    files: tuple[str, str]
    mins: tuple[float, ...]
    maxs: tuple[float, ...]


@dataclass(frozen=True)
class CodedValues:
    """An image whose bytes stand for values.

    Attributes:
        file: the image.
        table: [256, C]: what each byte stands for in each channel; C is 1 if that is the same.
    """

    file: str
    table: NDArray[np.float32]

    def values(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The values [..., 3] of bytes [..., 3]."""
        if self.table.shape[1] == 1:
            return self.table[pixels, 0]
        channels = range(pixels.shape[-1])
        return np.stack([self.table[pixels[..., c], c] for c in channels], axis=-1)


@dataclass(frozen=True)
class HarmonicsMeta:
    """The palette's image with its values, and the image of labels."""

    book: CodedValues
    labels_file: str


@dataclass(frozen=True)
class SogMeta:
    """What meta.json says.

    opacity_range: of logits, in the older version; None if the bytes are the opacities.
    """

    count: int
    degree: int
    means: MeansMeta
    rotation_file: str
    scales: CodedValues
    colors: CodedValues
    opacity_range: tuple[float, float] | None
    harmonics: HarmonicsMeta | None

    def opacities(self, stored: NDArray[np.uint8]) -> NDArray[np.float32]:
        fractions = stored / np.float32(255)
        if self.opacity_range is None:
            return fractions.astype(np.float32)
        low, high = self.opacity_range
        return (1 / (1 + np.exp(-(low + (high - low) * fractions)))).astype(np.float32)


def parse_meta(text: bytes, path: Path) -> SogMeta:
    """The content of meta.json.

    Raises:
        UnreadableCloud: it is not that of a SOG asset, or of a version that is not known.
    """
    try:
        meta = json.loads(text)
        version = meta.get("version")
        if version is not None and version != VERSION:
            raise UnreadableCloud(
                f"{path.name} is a SOG file of version {version!r}.", "Version 2 can be read."
            )
        parsed = _older(meta) if version is None else _current(meta)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise damaged(path, f"its meta.json is not that of a SOG file ({error!r})") from error
    check_count(path, parsed.count)
    return parsed


def _current(meta: dict[str, Any]) -> SogMeta:
    harmonics = meta.get("shN")
    degree = int(harmonics["bands"]) if harmonics else 0
    if not 0 <= degree <= 3:
        raise ValueError(f"{degree} bands")
    return SogMeta(
        count=int(meta["count"]),
        degree=degree,
        means=_means(meta["means"]),
        rotation_file=_file(meta["quats"], 0),
        scales=_book(meta["scales"]),
        colors=_book(meta["sh0"]),
        opacity_range=None,
        harmonics=HarmonicsMeta(_book(harmonics), _file(harmonics, 1))
        if harmonics and degree
        else None,
    )


def _older(meta: dict[str, Any]) -> SogMeta:
    colors = meta["sh0"]
    harmonics = meta.get("shN")
    degree = _BANDS[int(harmonics["shape"][1]) // 3] if harmonics else 0
    return SogMeta(
        count=int(meta["means"]["shape"][0]),
        degree=degree,
        means=_means(meta["means"]),
        rotation_file=_file(meta["quats"], 0),
        scales=_ranges(meta["scales"], meta["scales"]["mins"], meta["scales"]["maxs"]),
        colors=_ranges(colors, colors["mins"][:3], colors["maxs"][:3]),
        opacity_range=(float(colors["mins"][3]), float(colors["maxs"][3])),
        harmonics=_older_harmonics(harmonics) if harmonics else None,
    )


def _older_harmonics(meta: dict[str, Any]) -> HarmonicsMeta:
    book = _ranges(meta, [float(meta["mins"])], [float(meta["maxs"])])
    return HarmonicsMeta(book, _file(meta, 1))


def _means(meta: dict[str, Any]) -> MeansMeta:
    mins, maxs = (tuple(float(value) for value in meta[name]) for name in ("mins", "maxs"))
    if len(mins) != 3 or len(maxs) != 3 or not np.isfinite((mins, maxs)).all():
        raise ValueError("the range of the positions")
    return MeansMeta((_file(meta, 0), _file(meta, 1)), mins, maxs)


def _book(meta: dict[str, Any]) -> CodedValues:
    """A codebook; entries that it lacks are 0."""
    book = np.array(meta["codebook"], np.float32)
    if book.ndim != 1 or not 0 < len(book) <= _BOOK:
        raise ValueError(f"a codebook of shape {book.shape}")
    table = np.zeros((_BOOK, 1), np.float32)
    table[: len(book), 0] = book
    return CodedValues(_file(meta, 0), table)


def _ranges(meta: dict[str, Any], mins: list[float], maxs: list[float]) -> CodedValues:
    low, high = np.array(mins, np.float32), np.array(maxs, np.float32)
    if low.shape != high.shape or low.shape not in ((1,), (3,)):
        raise ValueError("a range of values")
    fractions = np.arange(_BOOK, dtype=np.float32)[:, None] / np.float32(255)
    return CodedValues(_file(meta, 0), (low + (high - low) * fractions).astype(np.float32))


def _file(meta: dict[str, Any], index: int) -> str:
    name = meta["files"][index]
    if not isinstance(name, str):
        raise TypeError(f"a file's name is {name!r}")
    return name
