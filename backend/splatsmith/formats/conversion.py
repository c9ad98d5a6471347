"""Splat files of one format, or several, to one file of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud, LoadedCloud
from ..contract.splat_formats import SplatFormat, check_up
from ..contract.up_axis import UpAxis
from ..progress import Progress
from .reading import read_splats
from .writing import write_splats

_READ_SHARE = 0.5  # of the progress


@dataclass(frozen=True)
class Conversion:
    """What is converted to what.

    Attributes:
        sources: splat files, or folders with SOG assets.
        format: what to write.
        up: the files' axis that points up; None is what each says, or Y.
        target_up: the axis that is to point up in what is written.
        source_format: what the files are; None to tell by their content.
    """

    sources: tuple[Path, ...]
    format: SplatFormat
    up: UpAxis | None = None
    target_up: UpAxis = UpAxis.Y
    source_format: SplatFormat | None = None


def convert(conversion: Conversion, target: Path, progress: Progress) -> tuple[str, ...]:
    """Read the sources and write all their Gaussians to `target`, which appears complete or not.

    Returns sentences for the user on what was left out or is not kept.

    Raises:
        Cancelled: from `progress`.
        UnreadableCloud: a source cannot be read.
        InvalidRequest: the format cannot hold what was read.
        OSError: `target` cannot be written.
    """
    check_up(conversion.format, conversion.target_up)
    loaded = []
    for i, source in enumerate(conversion.sources):
        start, end = (_READ_SHARE * each / len(conversion.sources) for each in (i, i + 1))
        part = progress.part("Reading", start, end)
        part.step(0, 1)
        loaded.append(read_splats(source, conversion.up, conversion.source_format, part))
    origin = loaded[0].origin
    notes = [_named(note, source, loaded) for source, note in _notes(conversion, loaded)]
    notes += write_splats(
        target,
        [_moved(each, origin) for each in loaded],
        conversion.format,
        conversion.target_up,
        origin,
        progress.part("Writing", _READ_SHARE, 1),
    )
    return tuple(notes)


def _notes(conversion: Conversion, loaded: Sequence[LoadedCloud]) -> list[tuple[Path, str]]:
    pairs = zip(conversion.sources, loaded, strict=True)
    return [(source, note) for source, each in pairs for note in each.notes]


def _named(note: str, source: Path, loaded: Sequence[LoadedCloud]) -> str:
    return f"{source.name}: {note}" if len(loaded) > 1 else note


def _moved(loaded: LoadedCloud, origin: NDArray[np.float64]) -> GaussianCloud:
    """The cloud as seen from `origin`, which is another file's."""
    offset = loaded.origin - origin
    if not offset.any():
        return loaded.cloud
    means = (loaded.cloud.means + offset).astype(np.float32)
    return replace(loaded.cloud, means=means)
