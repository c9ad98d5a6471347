"""A folder of rendered objects, as Objaverse is rendered for training.

Of each object there are 32 random views of 50 degrees; it is centered and scaled to the cube from
-1 to 1.

    FOLDER/UID/transforms.json
    FOLDER/UID/000.png ... 031.png

The images are square, with straight alpha. transforms.json is that of NeRF's synthetic scenes:
`camera_angle_x`, the horizontal field of view in radians, and `frames`, of each its `file_path`
(relative to the object's folder, with or without ".png") and its `transform_matrix`, camera to
world with OpenGL axes in a world that is Z up, as Blender's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.object_cameras import Z_UP_TO_Y_UP
from training.diffusiongs.posed_views import (
    CAMERA_DISTANCE,
    OPENGL_TO_OPENCV,
    Pixels,
    PosedViews,
    read_square,
)

CAMERAS_FILE = "transforms.json"


class RenderedObjects:
    """The objects of a folder; views are read when they are needed."""

    subject = Subject.OBJECT

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        self._folders = sorted(path.parent for path in folder.glob(f"*/{CAMERAS_FILE}"))
        if not self._folders:
            raise ValueError(f"{folder} holds no object: no folder in it has a {CAMERAS_FILE}.")

    def __len__(self) -> int:
        return len(self._folders)

    def __getitem__(self, index: int) -> PosedViews:
        folder = self._folders[index]
        stored = json.loads((folder / CAMERAS_FILE).read_text(encoding="utf-8"))
        frames = stored["frames"]
        c2w = np.array([frame["transform_matrix"] for frame in frames], np.float64)
        c2w = c2w @ OPENGL_TO_OPENCV
        c2w[:, :3] = Z_UP_TO_Y_UP @ c2w[:, :3]
        c2w[:, :3, 3] *= CAMERA_DISTANCE / np.linalg.norm(c2w[:, :3, 3], axis=1).mean()
        focal = self.size / 2 / math.tan(stored["camera_angle_x"] / 2)
        intrinsics = np.tile([focal, focal, self.size / 2, self.size / 2], (len(frames), 1))
        files = [_image_file(folder, frame["file_path"]) for frame in frames]

        def read(indices: Sequence[int]) -> Pixels:
            return np.stack([_read_image(files[each], self.size) for each in indices])

        return PosedViews(c2w, intrinsics, read)


def _image_file(folder: Path, file_path: str) -> Path:
    path = folder / file_path
    return path if path.suffix else path.with_suffix(".png")


def _read_image(file: Path, size: int) -> Pixels:
    with Image.open(file) as image:
        return read_square(image, size)
