"""Pictures to look at: the truth, each mesh, and where they differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .mesh_rendering import MeshPictures
from .scores import Model

_SHOWN = [1, 4, 7, 10]  # of the views
_TITLE = 14  # pixels
_BACKS = np.array([1, 0, 1], np.float32)


def write_sheet(path: Path, model: Model, found: dict[str, MeshPictures]) -> None:
    """Rows of four views: truth, its cloud, then each mesh, its shape and its difference.

    Backs of faces are magenta in the differences.
    """
    rows = {"truth": model.pictures}
    if model.truth is not None:
        rows["cloud"] = model.cloud_pictures
    for name, pictures in found.items():
        rows[name] = pictures.colors
        rows[f"{name}: shape"] = _relief(pictures)
        rows[f"{name}: difference"] = _difference(pictures, model.pictures)
    strips = [_strip(name, pictures) for name, pictures in rows.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(strips)).save(path)


def _difference(pictures: MeshPictures, truth: NDArray[np.float32]) -> NDArray[np.float32]:
    gaps = np.abs(pictures.colors - truth)
    count, height, width = pictures.alphas.shape
    backs = pictures.seen & ~pictures.fronts
    samples = backs.shape[1] // height
    blocks = backs.reshape(count, height, samples, width, samples)
    share = blocks.mean(axis=(2, 4), dtype=np.float32)[..., None]
    return (1 - share) * gaps + share * _BACKS


def _relief(pictures: MeshPictures) -> NDArray[np.float32]:
    """The mesh as if grey and lit from the camera: dark where it is steep."""
    size = pictures.alphas.shape[1]
    samples = pictures.depths.shape[1] // size
    step = 2 / len(pictures.depths[0])  # the unit sphere just about fills the picture
    down, across = (np.gradient(pictures.depths, step, axis=axis) for axis in (1, 2))
    light = np.where(pictures.seen, 1 / np.sqrt(1 + down**2 + across**2), 1)[..., None]
    blocks = (len(light), size, samples, size, samples, 1)
    return light.reshape(blocks).mean(axis=(2, 4), dtype=np.float32).repeat(3, axis=3)


def _strip(name: str, pictures: NDArray[np.float32]) -> NDArray[np.uint8]:
    row = np.concatenate(list(pictures[_SHOWN]), axis=1)
    title = Image.new("RGB", (row.shape[1], _TITLE), "black")
    ImageDraw.Draw(title).text((4, 1), name, "white")
    colors = np.round(255 * np.clip(row, 0, 1)).astype(np.uint8)
    return np.concatenate([np.asarray(title), colors])
