"""Writing SOG bundles, version 2: meta.json and lossless WebP images in a ZIP file."""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..contract.cloud import GaussianCloud
from ..contract.files import atomic_write
from ..contract.up_axis import UpAxis
from ..progress import Progress
from .clustering import scalar_codebook, vector_palette
from .quantization import HALF_ROOT, morton_order, split_smallest_three, to_bytes
from .sog import LARGEST_TAG, META, PALETTE_COLUMNS
from .sog_meta import VERSION

_LARGEST_PALETTE = 1 << 16  # labels have 16 bits
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_PALETTE_SHARE = (0.2, 0.8)  # of the progress


@dataclass(frozen=True)
class _Bundle:
    """The archive that is written, and the size of the images with a pixel a Gaussian."""

    archive: zipfile.ZipFile
    width: int
    height: int

    def add_pixels(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """An image of pixels [N, 4]."""
        image = np.zeros((self.width * self.height, 4), np.uint8)
        image[:, 3] = 255
        image[: len(pixels)] = pixels
        self.add_image(name, image.reshape(self.height, self.width, 4))

    def add_image(self, name: str, image: NDArray[np.uint8]) -> None:
        """An image [H, W, 4]; `exact` keeps the colors of transparent pixels."""
        buffer = BytesIO()
        Image.fromarray(image, "RGBA").save(buffer, "WEBP", lossless=True, exact=True, method=4)
        self.add(name, buffer.getvalue())

    def add(self, name: str, data: bytes) -> None:
        self.archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), data)


def write(path: Path, cloud: GaussianCloud, _up: UpAxis, progress: Progress) -> None:
    """Write `cloud`, of degree 3 at most and in the file's axes, in Morton's order."""
    ordered = cloud.select(morton_order(cloud.means))
    width = 4 * math.ceil(math.sqrt(len(cloud)) / 4)
    height = 4 * math.ceil(len(cloud) / width / 4)
    with atomic_write(path) as part, zipfile.ZipFile(part, "x") as archive:
        bundle = _Bundle(archive, width, height)
        progress.step(0, 1)
        meta = {
            "version": VERSION,
            "asset": {"generator": "Splatsmith"},
            "count": len(cloud),
            "means": _add_means(bundle, ordered),
            "scales": _add_scales(bundle, ordered),
            "quats": _add_rotations(bundle, ordered),
            "sh0": _add_colors(bundle, ordered),
        }
        if cloud.degree:
            stage = progress.part(progress.stage, *_PALETTE_SHARE)
            meta["shN"] = _add_harmonics(bundle, ordered, stage)
        bundle.add(META, json.dumps(meta, separators=(",", ":")).encode())
        progress.step(1, 1)


def _add_means(bundle: _Bundle, cloud: GaussianCloud) -> dict[str, object]:
    means = cloud.means.astype(np.float64)
    logs = np.sign(means) * np.log1p(np.abs(means))
    low, high = logs.min(axis=0), logs.max(axis=0)
    extent = np.where(high > low, high - low, 1)
    words = np.rint(65535 * (logs - low) / extent).astype(np.uint16)
    files = ("means_l.webp", "means_u.webp")
    for name, values in zip(files, (words & 0xFF, words >> 8), strict=True):
        bundle.add_pixels(name, _rgba(values.astype(np.uint8)))
    return {"mins": low.tolist(), "maxs": high.tolist(), "files": list(files)}


def _add_scales(bundle: _Bundle, cloud: GaussianCloud) -> dict[str, object]:
    logs = np.log(np.maximum(cloud.scales, np.float32(1e-20)))
    book, labels = scalar_codebook(logs)
    bundle.add_pixels("scales.webp", _rgba(labels))
    return {"codebook": book.tolist(), "files": ["scales.webp"]}


def _add_rotations(bundle: _Bundle, cloud: GaussianCloud) -> dict[str, object]:
    largest, others = split_smallest_three(cloud.quats)
    pixels = _rgba(to_bytes(127.5 * (others / HALF_ROOT + 1)))
    pixels[:, 3] = LARGEST_TAG + largest
    bundle.add_pixels("quats.webp", pixels)
    return {"files": ["quats.webp"]}


def _add_colors(bundle: _Bundle, cloud: GaussianCloud) -> dict[str, object]:
    book, labels = scalar_codebook(cloud.sh0)
    pixels = _rgba(labels)
    pixels[:, 3] = to_bytes(255 * cloud.opacities)
    bundle.add_pixels("sh0.webp", pixels)
    return {"codebook": book.tolist(), "files": ["sh0.webp"]}


def _add_harmonics(bundle: _Bundle, cloud: GaussianCloud, progress: Progress) -> dict[str, object]:
    k = cloud.shN.shape[1]
    vectors = np.ascontiguousarray(cloud.shN).reshape(len(cloud), 3 * k)
    palette, labels = vector_palette(vectors, _LARGEST_PALETTE, progress)
    book, bytes_of_book = scalar_codebook(palette)
    rows = math.ceil(len(palette) / PALETTE_COLUMNS)
    image = np.zeros((rows * PALETTE_COLUMNS * k, 4), np.uint8)
    image[:, 3] = 255
    image[: len(palette) * k, :3] = bytes_of_book.reshape(-1, 3)
    bundle.add_image("shN_centroids.webp", image.reshape(rows, PALETTE_COLUMNS * k, 4))
    pixels = np.zeros((len(cloud), 4), np.uint8)
    pixels[:, 0], pixels[:, 1], pixels[:, 3] = labels & 0xFF, labels >> 8, 255
    bundle.add_pixels("shN_labels.webp", pixels)
    return {
        "count": len(palette),
        "bands": cloud.degree,
        "codebook": book.tolist(),
        "files": ["shN_centroids.webp", "shN_labels.webp"],
    }


def _rgba(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels [N, 4] of channels [N, 3], opaque."""
    return np.concatenate([values, np.full((len(values), 1), 255, np.uint8)], axis=1)
