"""COLMAP's binary models: cameras.bin and images.bin.

Only intrinsics and poses are read. Lens distortion is left out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from scipy.spatial.transform import Rotation

from splatsmith.engines.diffusiongs.views import Matrices

# By COLMAP's number of the camera model: how many parameters it has, and whether fx = fy.
CAMERA_MODELS = {0: (3, True), 1: (4, False), 2: (4, True), 3: (5, True), 4: (8, False)}
POINT_BYTES = 24  # of a 2D point: x, y and the 3D point's number


@dataclass(frozen=True)
class ColmapCamera:
    """width, height: of the images it took. fxfycxcy: [4] in pixels."""

    width: int
    height: int
    fxfycxcy: Matrices


@dataclass(frozen=True)
class ColmapImage:
    """c2w: [4, 4] camera to world, OpenCV axes."""

    name: str
    camera: ColmapCamera
    c2w: Matrices


def read_model(folder: Path) -> list[ColmapImage]:
    """The images of a model's folder, by name.

    Raises:
        ValueError: a file is cut off, or a camera is of a model that is not known.
    """
    try:
        with (folder / "cameras.bin").open("rb") as file:
            cameras = dict(_read_camera(file) for _ in range(_unpack(file, "<Q")[0]))
        with (folder / "images.bin").open("rb") as file:
            images = [_read_image(file, cameras) for _ in range(_unpack(file, "<Q")[0])]
    except (struct.error, KeyError) as error:
        raise ValueError(f"{folder} holds no complete COLMAP model: {error}.") from error
    return sorted(images, key=lambda image: image.name)


def _read_camera(file: BinaryIO) -> tuple[int, ColmapCamera]:
    number, model, width, height = _unpack(file, "<iiQQ")
    if model not in CAMERA_MODELS:
        raise ValueError(f"Camera model {model} of COLMAP is not known.")
    count, is_isotropic = CAMERA_MODELS[model]
    parameters = _unpack(file, f"<{count}d")
    focal = parameters[:1] * 2 if is_isotropic else parameters[:2]
    center = parameters[1:3] if is_isotropic else parameters[2:4]
    return number, ColmapCamera(width, height, np.array([*focal, *center]))


def _read_image(file: BinaryIO, cameras: dict[int, ColmapCamera]) -> ColmapImage:
    _, w, x, y, z, *translation, camera = _unpack(file, "<i7di")
    name = b"".join(iter(lambda: _unpack(file, "<c")[0], b"\0")).decode()
    file.seek(_unpack(file, "<Q")[0] * POINT_BYTES, 1)
    w2c = np.eye(4)
    w2c[:3, :3] = Rotation.from_quat([x, y, z, w]).as_matrix()
    w2c[:3, 3] = translation
    return ColmapImage(name, cameras[camera], np.linalg.inv(w2c).astype(np.float64))


def _unpack(file: BinaryIO, layout: str) -> tuple:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
