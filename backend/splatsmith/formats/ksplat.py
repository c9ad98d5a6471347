"""mkkellogg's .ksplat: sections of Gaussians, in buckets by their place.

A header of 4,096 bytes, one of 1,024 for each section, then each section: lengths of the buckets
that are not full, centres of all buckets, and the Gaussians. Level 0 has floats; level 1 has
positions of 16 bits in their bucket's block and half floats; level 2 has bytes for the harmonics.
Harmonics stand band by band, red before green before blue in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import SH_C0, GaussianCloud, empty_cloud
from ..progress import Progress
from .decoded import DecodedSplats
from .limits import check_count, cut_off, damaged

HEADER = np.dtype(
    [
        ("major", "u1"),
        ("minor", "u1"),
        ("unused", "u1", 2),
        ("max_sections", "<u4"),
        ("sections", "<u4"),
        ("max_count", "<u4"),
        ("count", "<u4"),
        ("level", "<u2"),
        ("unused_level", "<u2"),
        ("center", "<f4", 3),
        ("least_harmonic", "<f4"),
        ("most_harmonic", "<f4"),
    ]
)
SECTION = np.dtype(
    [
        ("count", "<u4"),
        ("max_count", "<u4"),
        ("bucket_size", "<u4"),
        ("buckets", "<u4"),
        ("block_size", "<f4"),
        ("bucket_bytes", "<u2"),
        ("unused_bytes", "<u2"),
        ("range", "<u4"),
        ("storage_bytes", "<u4"),
        ("full_buckets", "<u4"),
        ("partial_buckets", "<u4"),
        ("degree", "<u2"),
    ]
)
HEADER_BYTES, SECTION_BYTES, BUCKET_BYTES = 4096, 1024, 12
RANGE = 32767  # of positions in 16 bits, to either side of their bucket's centre
HARMONIC_RANGE = 1.5
COEFFICIENTS = (0, 3, 8, 15)  # by degree; its own tools write 2 at most
_MAX_SECTIONS = 4096
_BLOCK = 1 << 16  # Gaussians that are read at a time


@dataclass(frozen=True)
class Layout:
    """The rows of a compression level and a degree."""

    level: int
    degree: int

    @property
    def row(self) -> np.dtype[np.void]:
        small = self.level > 0
        position, real = ("<u2", "<f2") if small else ("<f4", "<f4")
        harmonic = ("<f4", "<f2", "u1")[self.level]
        fields = [
            ("position", position, 3),
            ("scale", real, 3),
            ("rotation", real, 4),
            ("color", "u1", 4),
        ]
        if self.degree:
            fields.append(("harmonics", harmonic, 3 * COEFFICIENTS[self.degree]))
        return np.dtype(fields)


def is_ksplat(head: bytes, file_bytes: int) -> bool:
    """Whether a file of `file_bytes` that begins with `head` can be a .ksplat file."""
    if len(head) < HEADER.itemsize or file_bytes < HEADER_BYTES + SECTION_BYTES:
        return False
    header = np.frombuffer(head, HEADER, 1)[0]
    return bool(
        header["major"] == 0
        and header["minor"] >= 1
        and header["level"] <= 2
        and 0 < header["max_sections"] <= _MAX_SECTIONS
        and header["sections"] <= header["max_sections"]
        and header["count"] > 0  # some writers leave the most at 0
        and (not header["max_count"] or header["max_count"] >= header["count"])
        and not header["unused"].any()
        and not header["unused_level"]
        and file_bytes >= HEADER_BYTES + SECTION_BYTES * header["max_sections"]
    )


def read(path: Path, progress: Progress) -> DecodedSplats:
    """The Gaussians of a .ksplat file.

    Raises:
        UnreadableCloud: it is cut off or damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if not is_ksplat(file.read(HEADER.itemsize), size):
            raise damaged(path, "its header is not that of a KSPLAT file")
        file.seek(0)
        header = np.fromfile(file, HEADER, 1)[0]
        sections = _sections(file, header, path)
        counts = [int(section["count"]) for section in sections]
        check_count(path, sum(counts))
        _check_sizes(path, sections, int(header["level"]), size)
        degree = max(int(section["degree"]) for section in sections)
        cloud = empty_cloud(sum(counts), degree)
        cloud.shN[:] = 0  # sections may have different degrees
        start, offset = 0, HEADER_BYTES + SECTION_BYTES * int(header["max_sections"])
        for section, count in zip(sections, counts, strict=True):
            reader = _SectionReader(file, header, section, path)
            reader.read(cloud, start, offset, progress)
            start, offset = start + count, offset + reader.total_bytes
    return DecodedSplats(cloud)


def _sections(file: BinaryIO, header: np.void, path: Path) -> NDArray[np.void]:
    sections = np.zeros(int(header["max_sections"]), SECTION)
    for i in range(len(sections)):
        file.seek(HEADER_BYTES + i * SECTION_BYTES)
        sections[i] = np.fromfile(file, SECTION, 1)[0]
    if (sections["degree"] >= len(COEFFICIENTS)).any():
        raise damaged(path, f"it has harmonics of degree {sections['degree'].max()}")
    if (sections["count"] > sections["max_count"]).any():
        raise damaged(path, "a section has more Gaussians than it may hold")
    return sections


def _check_sizes(path: Path, sections: NDArray[np.void], level: int, size: int) -> None:
    """That the file holds what the headers claim: with Python's integers, as they may be huge."""
    needed = HEADER_BYTES + SECTION_BYTES * len(sections)
    for section in sections:
        row = Layout(level, int(section["degree"])).row.itemsize
        needed += int(section["max_count"]) * row + _bucket_bytes(section)
    if needed > size:
        raise cut_off(path)


def _bucket_bytes(section: np.void) -> int:
    return 4 * int(section["partial_buckets"]) + int(section["buckets"]) * int(
        section["bucket_bytes"]
    )


class _SectionReader:
    """Reads one section; its sizes have been checked."""

    def __init__(self, file: BinaryIO, header: np.void, section: np.void, path: Path) -> None:
        self._file = file
        self._header = header
        self._section = section
        self._path = path
        self._layout = Layout(int(header["level"]), int(section["degree"]))
        row = self._layout.row.itemsize
        self.total_bytes = _bucket_bytes(section) + int(section["max_count"]) * row

    def read(self, cloud: GaussianCloud, start: int, offset: int, progress: Progress) -> None:
        """Fill `cloud` from row `start`; the section is at `offset` of the file."""
        count = int(self._section["count"])
        centers, lengths = self._buckets(offset)
        ends = np.cumsum(lengths)
        if self._layout.level and count and (not len(ends) or ends[-1] < count):
            raise damaged(self._path, "its buckets hold fewer Gaussians than it has")
        self._file.seek(offset + _bucket_bytes(self._section))
        for first in range(0, count, _BLOCK):
            progress.step(start + first, len(cloud))
            rows = np.fromfile(self._file, self._layout.row, min(_BLOCK, count - first))
            target = slice(start + first, start + first + len(rows))
            bucket = np.searchsorted(ends, np.arange(first, first + len(rows)), side="right")
            cloud.means[target] = self._positions(rows, centers, bucket)
            self._decode(cloud, target, rows)

    def _buckets(self, offset: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Centres [B, 3] and numbers of Gaussians [B] of the buckets."""
        section = self._section
        if not self._layout.level:
            return np.empty((0, 3), np.float32), np.empty(0, np.int64)
        full, partial = int(section["full_buckets"]), int(section["partial_buckets"])
        if int(section["bucket_bytes"]) != BUCKET_BYTES or full + partial != section["buckets"]:
            raise damaged(self._path, "its buckets do not add up")
        self._file.seek(offset)
        rest = np.fromfile(self._file, "<u4", partial).astype(np.int64)
        centers = np.fromfile(self._file, "<f4", 3 * (full + partial)).reshape(-1, 3)
        return centers, np.concatenate([np.full(full, int(section["bucket_size"])), rest])

    def _positions(
        self, rows: NDArray[np.void], centers: NDArray[np.float32], bucket: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        if not self._layout.level:
            return rows["position"]
        half_range = int(self._section["range"]) or RANGE
        step = np.float32(self._section["block_size"] / 2 / half_range)
        return (rows["position"].astype(np.float32) - half_range) * step + centers[bucket]

    def _decode(self, cloud: GaussianCloud, target: slice, rows: NDArray[np.void]) -> None:
        cloud.scales[target] = rows["scale"]
        cloud.quats[target] = rows["rotation"]
        channels = rows["color"].astype(np.float32) / np.float32(255)
        cloud.sh0[target] = (channels[:, :3] - np.float32(0.5)) / np.float32(SH_C0)
        cloud.opacities[target] = channels[:, 3]
        if self._layout.degree:
            values = self._harmonics(rows["harmonics"])
            for band in range(1, self._layout.degree + 1):
                inside = slice(band * band - 1, (band + 1) ** 2 - 1)
                stored = values[:, 3 * inside.start : 3 * inside.stop]
                planes = stored.reshape(len(rows), 3, 2 * band + 1)
                cloud.shN[target, inside] = planes.transpose(0, 2, 1)

    def _harmonics(self, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        values = stored.astype(np.float32)
        if self._layout.level < 2:
            return values
        low = float(self._header["least_harmonic"]) or -HARMONIC_RANGE
        high = float(self._header["most_harmonic"]) or HARMONIC_RANGE
        return values / np.float32(255) * np.float32(high - low) + np.float32(low)
