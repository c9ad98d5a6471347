"""Contact sheets: ground truth, each mesh, and their difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .mesh_rendering import MeshRendering
from .scores import BenchmarkCase

_SHOWN = [1, 4, 7, 10]  # of the views
_TITLE = 14  # pixels
_BACKS = np.array([1, 0, 1], np.float32)


def write_contact_sheet(path: Path, case: BenchmarkCase, found: dict[str, MeshRendering]) -> None:
    """Rows of four views: truth, its cloud, then each mesh, its shading and its difference.

    Back faces are magenta in the differences.
    """
    rows = {"truth": case.reference_images}
    if case.truth is not None:
        rows["cloud"] = case.cloud_images
    for name, rendering in found.items():
        rows[name] = rendering.colors
        rows[f"{name}: shape"] = _shading(rendering)
        rows[f"{name}: difference"] = _difference(rendering, case.reference_images)
    strips = [_strip(name, rendering) for name, rendering in rows.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(strips)).save(path)


def _difference(rendering: MeshRendering, truth: NDArray[np.float32]) -> NDArray[np.float32]:
    errors = np.abs(rendering.colors - truth)
    count, height, width = rendering.alphas.shape
    backs = rendering.visible & ~rendering.is_front
    samples = backs.shape[1] // height
    blocks = backs.reshape(count, height, samples, width, samples)
    share = blocks.mean(axis=(2, 4), dtype=np.float32)[..., None]
    return (1 - share) * errors + share * _BACKS


def _shading(rendering: MeshRendering) -> NDArray[np.float32]:
    """Headlight shading: dark where the surface is slanted."""
    size = rendering.alphas.shape[1]
    samples = rendering.depths.shape[1] // size
    step = 2 / len(rendering.depths[0])  # the unit sphere about fills the image
    down, across = (np.gradient(rendering.depths, step, axis=axis) for axis in (1, 2))
    light = np.where(rendering.visible, 1 / np.sqrt(1 + down**2 + across**2), 1)[..., None]
    blocks = (len(light), size, samples, size, samples, 1)
    return light.reshape(blocks).mean(axis=(2, 4), dtype=np.float32).repeat(3, axis=3)


def _strip(name: str, rendering: NDArray[np.float32]) -> NDArray[np.uint8]:
    row = np.concatenate(list(rendering[_SHOWN]), axis=1)
    title = Image.new("RGB", (row.shape[1], _TITLE), "black")
    ImageDraw.Draw(title).text((4, 1), name, "white")
    colors = np.round(255 * np.clip(row, 0, 1)).astype(np.uint8)
    return np.concatenate([np.asarray(title), colors])
