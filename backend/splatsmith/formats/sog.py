"""PlayCanvas' SOG: a ZIP file, or a folder, of meta.json and lossless WebP images.

A pixel is a Gaussian, row by row. Positions have 16 bits, low and high byte in an image each, of
sign(x) ln(1 + |x|) between the least and the most; rotations the smallest three components in
bytes; scales and colors bytes of a codebook; harmonics a label into a palette of centroids, whose
values are bytes of a codebook. Version 1 has ranges in place of codebooks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud, empty_cloud
from ..progress import Progress
from .decoded import DecodedSplats
from .limits import damaged
from .quantization import HALF_ROOT, join_smallest_three
from .sog_meta import SogMeta, parse_meta
from .sog_source import SogSource, open_source

LARGEST_TAG = 252  # of a rotation whose largest component is w; x, y, z follow
PALETTE_COLUMNS = 64  # centroids in a row of their image
META = "meta.json"
_STAGES = 5


def read(path: Path, progress: Progress) -> DecodedSplats:
    """The Gaussians of a SOG bundle, or of a folder's or a lone meta.json.

    Raises:
        UnreadableCloud: it is cut off, damaged, of another version, or would fill the memory.
    """
    with open_source(path) as source:
        meta = parse_meta(source.read_file(META), path)
        source.check_total(meta.count)
        return DecodedSplats(_Decoder(source, meta, path, progress).decode())


@dataclass(frozen=True)
class _Decoder:
    source: SogSource
    meta: SogMeta
    path: Path
    progress: Progress

    def decode(self) -> GaussianCloud:
        cloud = empty_cloud(self.meta.count, self.meta.degree)
        steps = (
            self._means,
            self._rotations,
            self._scales,
            self._colors,
            self._harmonics,
        )
        for stage, step in enumerate(steps):
            self.progress.step(stage, _STAGES)
            step(cloud)
        return cloud

    def _pixels(self, name: str) -> NDArray[np.uint8]:
        """[N, 4] of an image with a pixel a Gaussian."""
        return self.source.read_pixels(name, self.meta.count)[: self.meta.count]

    def _means(self, cloud: GaussianCloud) -> None:
        low_name, high_name = self.meta.means.files
        low, high = self._pixels(low_name), self._pixels(high_name)
        for axis in range(3):
            words = low[:, axis] | high[:, axis].astype(np.uint16) << 8
            least, most = self.meta.means.mins[axis], self.meta.means.maxs[axis]
            values = least + (most - least) * (words / 65535)
            cloud.means[:, axis] = np.sign(values) * np.expm1(np.abs(values))

    def _rotations(self, cloud: GaussianCloud) -> None:
        pixels = self._pixels(self.meta.rotation_file)
        others = (pixels[:, :3] / np.float32(127.5) - 1) * np.float32(HALF_ROOT)
        is_sound = pixels[:, 3] >= LARGEST_TAG
        largest = np.where(is_sound, pixels[:, 3], LARGEST_TAG).astype(np.intp) - LARGEST_TAG
        cloud.quats[:] = join_smallest_three(largest, others)
        cloud.quats[~is_sound] = (1, 0, 0, 0)

    def _scales(self, cloud: GaussianCloud) -> None:
        pixels = self._pixels(self.meta.scales.file)
        cloud.scales[:] = np.exp(self.meta.scales.values(pixels[:, :3]))

    def _colors(self, cloud: GaussianCloud) -> None:
        pixels = self._pixels(self.meta.colors.file)
        cloud.sh0[:] = self.meta.colors.values(pixels[:, :3])
        cloud.opacities[:] = self.meta.opacities(pixels[:, 3])

    def _harmonics(self, cloud: GaussianCloud) -> None:
        harmonics = self.meta.harmonics
        if harmonics is None:
            return
        k = cloud.shN.shape[1]
        labels = self._pixels(harmonics.labels_file)
        label = labels[:, 0] | labels[:, 1].astype(np.uint16) << 8
        palette = self.source.read_image(harmonics.book.file)
        if palette.shape[1] != PALETTE_COLUMNS * k:
            raise damaged(self.path, f"its palette of harmonics is {palette.shape[1]} pixels wide")
        centroids = harmonics.book.values(palette[:, :, :3]).reshape(-1, k, 3)
        if int(label.max()) >= len(centroids):
            raise damaged(self.path, "a label of its harmonics is beyond their palette")
        for coefficient in range(k):
            cloud.shN[:, coefficient] = centroids[label, coefficient]
