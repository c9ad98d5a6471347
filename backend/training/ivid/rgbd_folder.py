"""Pictures with depths in a folder: what ivid is trained on.

A picture is CLASS/NAME.png with CLASS/NAME.npy, its z-depths [S, S]: 1 is the distance of the point
about which views turn. CLASS is one of ImageNet's labels; pictures in any other folder have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from splatsmith.engines.ivid.adm_unet import NO_CLASS
from splatsmith.engines.ivid.cameras import Pose
from splatsmith.engines.ivid.card import CLASS_LABELS
from splatsmith.engines.ivid.depth_code import encode_depth
from splatsmith.engines.ivid.view_chain import RgbdView

DEPTH_SUFFIX = ".npy"


@dataclass(frozen=True)
class RgbdPictures:
    """All in memory. colors: [P, S, S, 3] uint8. depths: [P, S, S] float16, z. classes: [P] numbers
    of labels, or NO_CLASS.
    """

    colors: NDArray[np.uint8]
    depths: NDArray[np.float16]
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.colors)

    @property
    def size(self) -> int:
        return self.colors.shape[1]

    def view(self, index: int, pose: Pose) -> RgbdView:
        """A picture as if the camera at `pose` had taken it."""
        colors = self.colors[index].astype(np.float32) / 255
        codes = encode_depth(self.depths[index].astype(np.float64))
        return RgbdView(pose, colors, codes.astype(np.float32))


def read_pictures(folder: Path, size: int) -> RgbdPictures:
    """Raises ValueError: the folder has none, or one of another size or without depths."""
    files = sorted(folder.glob("*/*.png"))
    if not files:
        raise ValueError(f"{folder} has no pictures: CLASS/NAME.png with CLASS/NAME.npy.")
    numbers = {label: number for number, label in enumerate(CLASS_LABELS)}
    classes = [numbers.get(file.parent.name, NO_CLASS) for file in files]
    depths = [_read_depths(file.with_suffix(DEPTH_SUFFIX), size) for file in files]
    colors = [_read_colors(file, size) for file in files]
    return RgbdPictures(np.stack(colors), np.stack(depths), np.array(classes, np.int64))


def write_picture(file: Path, colors: NDArray[np.uint8], depths: NDArray[np.floating]) -> None:
    """`file` is CLASS/NAME.png; the depths are written beside it."""
    Image.fromarray(colors).save(file)
    np.save(file.with_suffix(DEPTH_SUFFIX), depths.astype(np.float16))


def _read_colors(file: Path, size: int) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        colors = np.asarray(image.convert("RGB"))
    _check(file, colors.shape[:2], size)
    return colors


def _read_depths(file: Path, size: int) -> NDArray[np.float16]:
    if not file.exists():
        raise ValueError(f"{file} is missing.")
    depths = np.load(file, allow_pickle=False)
    _check(file, depths.shape, size)
    if not (np.isfinite(depths).all() and (depths > 0).all()):
        raise ValueError(f"{file} has depths that are not positive numbers.")
    return depths.astype(np.float16)


def _check(file: Path, shape: Sequence[int], size: int) -> None:
    if tuple(shape) != (size, size):
        raise ValueError(f"{file} has {tuple(shape)} pixels, not {size} x {size}.")
