"""The four cameras around an object.

The published data loader swaps the world's y and z axes, and so turns it into its mirror image: the
cameras' rotations have determinant -1. Assets are mirrored back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...contract.problems import InvalidRequest
from ...errors import WeightsDamaged
from ...gaussians.cameras import orbit_cameras
from ...nn.checkpoint_files import TensorFiles
from ..base import ConditioningCamera
from .card import VIEWS
from .views import AssetTransform, Matrices, NetworkViews

AZIMUTHS = (0.0, 90.0, 180.0, 270.0)  # front, right, back, left
FOCAL = 1422.222 / 1024  # of the image's side
FOV = math.degrees(2 * math.atan(0.5 / FOCAL))
TEMPLATE_SIZE = 512  # pixels, of the template's intrinsics
MAX_AZIMUTH_ERROR = 30.0  # degrees, of a template's view that stands for a side

SWAP_YZ = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
Z_UP_TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])

REMEDY = "Import a camera_template.pt, or set Cameras to regenerated."


def regenerated_views(elevation: float, distance: float, size: int) -> NetworkViews:
    """The published template's cameras, but for its elevation, which is not known."""
    viewmats = orbit_cameras(AZIMUTHS, elevation, distance, FOV, size).viewmats
    c2w: Matrices = np.linalg.inv(viewmats.astype(np.float64)).astype(np.float64)
    c2w[:, :3] = SWAP_YZ @ c2w[:, :3]
    intrinsics = np.array([FOCAL, FOCAL, 0.5, 0.5]) * size
    transform = AssetTransform(SWAP_YZ, np.zeros(3))
    camera = ConditioningCamera(elevation, distance, FOV)
    return NetworkViews(c2w, np.tile(intrinsics, (VIEWS, 1)), size, transform, camera)


def template_views(files: TensorFiles, size: int) -> NetworkViews:
    """The first four cameras of a template's file; its world may be mirrored or not.

    Raises:
        WeightsDamaged: the file holds no cameras.
    """
    tensors = dict(files.tensors("cpu"))
    c2w = tensors["gen_c2w"][0, :VIEWS].double().numpy()
    intrinsics = tensors["gen_fxfycxcys"][0, :VIEWS].double().numpy()
    _check_cameras(files.title, c2w, intrinsics)
    is_mirrored = np.linalg.det(c2w[0, :3, :3]) < 0
    base = SWAP_YZ if is_mirrored else Z_UP_TO_Y_UP
    x, y, z = base @ c2w[0, :3, 3]
    distance = math.hypot(x, y, z)
    transform = AssetTransform(_rotation_about_y(-math.atan2(x, z)) @ base, np.zeros(3))
    camera = ConditioningCamera(
        elevation=math.degrees(math.asin(y / distance)),
        distance=distance,
        fov=math.degrees(2 * math.atan(TEMPLATE_SIZE / 2 / intrinsics[0, 1])),
    )
    return NetworkViews(c2w, intrinsics * (size / TEMPLATE_SIZE), size, transform, camera)


def order_by_sides(views: NetworkViews, azimuths: Sequence[float]) -> list[int]:
    """Indices of the views: first those nearest to `azimuths`, then the others.

    Raises:
        InvalidRequest: none is near one of these, as may be with a template.
    """
    first: list[int] = []
    for azimuth in azimuths:
        errors = np.abs((views.azimuths - azimuth + 180) % 360 - 180)
        nearest = int(errors.argmin())
        if errors[nearest] > MAX_AZIMUTH_ERROR or nearest in first:
            raise InvalidRequest(
                f"The camera template has no view from {azimuth:.0f} degrees.",
                "Set Cameras to regenerated, or give the front alone.",
            )
        first.append(nearest)
    return first + [index for index in range(len(views)) if index not in first]


def _check_cameras(title: str, c2w: Matrices, intrinsics: Matrices) -> None:
    if not _are_cameras(c2w, intrinsics):
        raise WeightsDamaged(f"{title} is no camera template: it holds no {VIEWS} cameras.", REMEDY)


def _are_cameras(c2w: Matrices, intrinsics: Matrices) -> bool:
    """Whether these are enough cameras, in one world and away from its origin."""
    if len(c2w) < VIEWS or len(intrinsics) < VIEWS or not np.isfinite(c2w).all():
        return False
    rotations, positions = c2w[:, :3, :3], c2w[:, :3, 3]
    signs = np.sign(np.linalg.det(rotations))
    is_orthonormal = np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-2)
    return bool(
        is_orthonormal
        and (signs == signs[0]).all()
        and (np.linalg.norm(positions, axis=1) > 0).all()
        and (intrinsics > 0).all()
    )


def _rotation_about_y(angle: float) -> Matrices:
    """Radians; turns +Z towards +X."""
    sine, cosine = math.sin(angle), math.cos(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
