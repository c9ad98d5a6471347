"""Videos around things in MVImgNet's layout: images with COLMAP's cameras.

    FOLDER/CLASS/INSTANCE/images/001.jpg ...
    FOLDER/CLASS/INSTANCE/sparse/0/cameras.bin, images.bin
    MASKS/CLASS/INSTANCE/001.jpg.png ...        white where the object is

With masks they are objects: cut out, upright, centered by their cameras. Without, they are scenes
with their background.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.views import Matrices
from training.diffusiongs.colmap import ColmapImage, read_model
from training.diffusiongs.posed_views import (
    Pixels,
    PosedViews,
    centered_object_poses,
    read_square,
    square_intrinsics,
)

MODEL = Path("sparse/0")


class MVImgNetViews:
    """The instances of a folder; views are read when they are needed."""

    def __init__(self, folder: Path, size: int, masks: Path | None = None) -> None:
        self.size = size
        self.subject = Subject.SCENE if masks is None else Subject.OBJECT
        self._masks = masks
        self._folder = folder
        self._instances = sorted(path.parents[2] for path in folder.glob(f"*/*/{MODEL}/images.bin"))
        if not self._instances:
            raise ValueError(f"{folder} holds no CLASS/INSTANCE/{MODEL}/images.bin.")

    def __len__(self) -> int:
        return len(self._instances)

    def __getitem__(self, index: int) -> PosedViews:
        instance = self._instances[index]
        images = read_model(instance / MODEL)
        c2w = np.stack([image.c2w for image in images])
        if self.subject is Subject.OBJECT:
            c2w = centered_object_poses(upright_poses(c2w))
        intrinsics = np.stack([_intrinsics(image, self.size) for image in images])

        def read(indices: Sequence[int]) -> Pixels:
            return np.stack([self._read_view(instance, images[each].name) for each in indices])

        return PosedViews(c2w, intrinsics, read)

    def _read_view(self, instance: Path, name: str) -> Pixels:
        with Image.open(instance / "images" / name) as image:
            view = image.convert("RGB")
        if self._masks is not None:
            file = self._masks / instance.relative_to(self._folder) / f"{name}.png"
            with Image.open(file) as mask:
                view.putalpha(mask.convert("L").resize(view.size))
        return read_square(view, self.size)


def upright_poses(c2w: Matrices) -> Matrices:
    """Poses in a world whose Y axis is the cameras' mean upward direction."""
    up = -c2w[:, :3, 1].mean(0)
    up /= np.linalg.norm(up)
    forward = c2w[0, :3, 2] - up * (c2w[0, :3, 2] @ up)
    backward = -forward / np.linalg.norm(forward)
    to_world = np.eye(4)
    to_world[:3, :3] = np.stack([np.cross(up, backward), up, backward])
    return to_world @ c2w


def _intrinsics(image: ColmapImage, size: int) -> Matrices:
    camera = image.camera
    return square_intrinsics(camera.fxfycxcy, camera.width, camera.height, size)
