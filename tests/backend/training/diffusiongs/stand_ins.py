"""Small data sets in the layouts that training reads: a red ball, seen by cameras around it."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.engines.diffusiongs.object_cameras import Z_UP_TO_Y_UP
from splatsmith.engines.diffusiongs.views import Matrices
from splatsmith.gaussians.cameras import Cameras, orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from tests.backend.training.object_pack import box_arrays, write_pack
from training.diffusiongs.posed_views import OPENGL_TO_OPENCV, Pixels, PosedViews
from training.objects import read_index, read_mesh
from training.render_views import render_object, view_elevations

BALL = np.array([0.3, 0.25, -0.2], np.float32)
FOV = 50.0
WIDER = 8  # pixels that MVImgNet's images are wider than high


def cameras_around(count: int, size: int, distance: float = 4.0) -> Cameras:
    """At random azimuths, and elevations of -10 to 60 degrees."""
    rng = np.random.default_rng(0)
    azimuths, elevations = rng.uniform(0, 360, count), rng.uniform(-10, 60, count)
    return orbit_cameras(azimuths, elevations, distance, FOV, size)


def ball_images(cameras: Cameras) -> Pixels:
    """[V, S, S, 4] with straight alpha."""
    cloud = GaussianCloud(
        means=BALL[None],
        quats=np.array([[1, 0, 0, 0]], np.float32),
        scales=np.full((1, 3), 0.15, np.float32),
        opacities=np.array([0.99], np.float32),
        sh0=np.array([[1.7, -1.7, -1.7]], np.float32),
        shN=np.zeros((1, 0, 3), np.float32),
    )
    alphas = rasterize(cloud, cameras).alphas
    images = np.zeros((*alphas.shape, 4), np.uint8)
    images[..., 0] = 255
    images[..., 3] = (255 * alphas).round()
    return images


def poses(cameras: Cameras) -> Matrices:
    return np.linalg.inv(cameras.viewmats.astype(np.float64)).astype(np.float64)


def write_rendered_objects(folder: Path, objects: int = 2, views: int = 12, size: int = 32) -> None:
    """As training.diffusiongs.rendered_objects reads them."""
    cameras = cameras_around(views, size)
    images = ball_images(cameras)
    c2w = poses(cameras) @ OPENGL_TO_OPENCV
    c2w[:, :3] = np.linalg.inv(Z_UP_TO_Y_UP) @ c2w[:, :3]
    frames = [
        {"file_path": f"./{view:03d}", "transform_matrix": each.tolist()}
        for view, each in enumerate(c2w)
    ]
    for number in range(objects):
        target = folder / f"object-{number}"
        target.mkdir(parents=True)
        for view, image in enumerate(images):
            Image.fromarray(image, "RGBA").save(target / f"{view:03d}.png")
        stored = {"camera_angle_x": math.radians(FOV), "frames": frames}
        (target / "transforms.json").write_text(json.dumps(stored), encoding="utf-8")


def write_mvimgnet(folder: Path, views: int = 12, size: int = 32) -> None:
    """FOLDER/data and FOLDER/masks with one instance, in a world of its own."""
    cameras = cameras_around(views, size)
    images = ball_images(cameras)
    world = np.eye(4)
    world[:3, :3] = Rotation.from_euler("xyz", [100, 20, -50], degrees=True).as_matrix()
    world[:3, 3] = [5, -2, 1]
    c2w = world @ poses(cameras)
    instance, masks = folder / "data/7/0a1b", folder / "masks/7/0a1b"
    for each in (instance / "images", instance / "sparse/0", masks):
        each.mkdir(parents=True)
    for view, image in enumerate(images, 1):
        wide = np.zeros((size, size + WIDER, 4), np.uint8)
        wide[:, WIDER // 2 : -WIDER // 2] = image
        colors = np.where(wide[..., 3:] > 0, wide[..., :3], 255)
        Image.fromarray(colors.astype(np.uint8), "RGB").save(instance / f"images/{view:03d}.jpg")
        Image.fromarray(wide[..., 3], "L").save(masks / f"{view:03d}.jpg.png")
    _write_colmap(instance / "sparse/0", c2w, cameras.Ks[0, 0, 0], size)


def _write_colmap(folder: Path, c2w: Matrices, focal: float, size: int) -> None:
    """One camera of COLMAP's model SIMPLE_RADIAL; every image has two 2D points."""
    width = size + WIDER
    camera = struct.pack("<QiiQQ4d", 1, 1, 2, width, size, focal, width / 2, size / 2, 0.0)
    (folder / "cameras.bin").write_bytes(camera)
    content = struct.pack("<Q", len(c2w))
    for view, pose in reversed(list(enumerate(c2w, 1))):
        w2c = np.linalg.inv(pose)
        x, y, z, w = Rotation.from_matrix(w2c[:3, :3]).as_quat()
        content += struct.pack("<i7di", view, w, x, y, z, *w2c[:3, 3], 1)
        content += f"{view:03d}.jpg".encode() + b"\0"
        content += struct.pack("<Q", 2) + 2 * struct.pack("<ddq", 1.0, 2.0, -1)
    (folder / "images.bin").write_bytes(content)


def write_pack_views(folder: Path, names: list[str], origin: tuple[float, float, float]) -> Path:
    """Rendered views of boxes whose lowest corner is at `origin`; returns their folder."""
    objects, views = folder / "objects", folder / "views"
    objects.mkdir()
    views.mkdir()
    arrays = {name: box_arrays((0.3, 0.3, 0.3)) for name in names}
    for each in arrays.values():
        each["origin"] = np.array(origin, np.float32)
    write_pack(objects, arrays)
    records = read_index(objects)
    rendered = [render_object(read_mesh(objects, record), record.id) for record in records]
    for name, parts in zip(("rgba", "depth", "normals"), zip(*rendered, strict=True), strict=True):
        np.save(views / f"{name}.npy", np.stack(parts))
    np.save(views / "elevations.npy", np.stack([view_elevations(each.id) for each in records]))
    stored = {"forms": 1, "objects": [asdict(record) for record in records]}
    (views / "records.json").write_text(json.dumps(stored), encoding="utf-8")
    return views


def triangulate(views: PosedViews, c2w: Matrices) -> tuple[NDArray[np.float64], float]:
    """The point nearest to the rays through the centers of what is opaque in each view, and its
    largest distance from a ray.
    """
    images = views.read(range(len(c2w)))
    directions = []
    for image, pose, (fx, fy, cx, cy) in zip(images, c2w, views.fxfycxcy, strict=True):
        weights = image[..., 3].astype(np.float64)
        y, x = (np.indices(weights.shape) + 0.5).reshape(2, -1) @ weights.ravel() / weights.sum()
        direction = pose[:3, :3] @ np.array([(x - cx) / fx, (y - cy) / fy, 1])
        directions.append(direction / np.linalg.norm(direction))
    axes = np.stack(directions)
    across = np.eye(3) - axes[:, :, None] * axes[:, None]
    positions = c2w[:, :3, 3]
    point = np.linalg.solve(across.sum(0), (across @ positions[..., None]).sum(0)[:, 0])
    return point, float(np.linalg.norm((across @ (point - positions)[..., None]), axis=1).max())
