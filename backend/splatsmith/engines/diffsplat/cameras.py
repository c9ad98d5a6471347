"""DiffSplat's cameras as tensors, their Plücker rays, and unprojection.

World: right-handed, Y up, the front on +Z: the asset frame. Intrinsics are fx, fy, cx, cy divided
by the image's side.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ...gaussians.cameras import orbit_cameras
from ...gaussians.gaussian_batch import pixel_rays
from ...gaussians.plucker import plucker_coordinates
from .card import AZIMUTHS, DISTANCE, FOCAL, FOV


def camera_to_world(
    elevation: float, azimuths: Sequence[float] = AZIMUTHS, distance: float = DISTANCE
) -> Tensor:
    """[V, 4, 4] of cameras that look at the origin; degrees, elevation > 0 looks down."""
    viewmats = torch.from_numpy(orbit_cameras(azimuths, elevation, distance, FOV, 1).viewmats)
    return torch.linalg.inv(viewmats.double()).float()


def intrinsics(views: int) -> Tensor:
    """[V, 4]: the same for every view."""
    return torch.tensor([FOCAL, FOCAL, 0.5, 0.5]).expand(views, -1)


def plucker_rays(c2w: Tensor, fxfycxcy: Tensor, height: int, width: int) -> Tensor:
    """[V, 6, H, W], moment first.

    The published networks were trained with rays half an image off, as 0.5 was added to
    coordinates already divided by the image's side; reproduced here.
    """
    x, y = _image_plane(fxfycxcy, height, width, shift=0.5)
    return plucker_coordinates(x, y, c2w)


def resize_rays(rays: Tensor, size: int) -> Tensor:
    """[V, C, H, W] to the latents' [V, C, size, size], bilinear without antialiasing."""
    return F.interpolate(rays, (size, size), mode="bilinear", align_corners=False)


def unproject(depth: Tensor, c2w: Tensor, fxfycxcy: Tensor) -> Tensor:
    """z-depths [V, H, W] to world points [V, 3, H, W].

    The centres of the outermost pixels lie on the image's border, as in training.
    """
    x, y = _image_plane(fxfycxcy, *depth.shape[1:], shift=0.0)
    rays = pixel_rays(x, y, c2w[:, :3, :3])
    points = c2w[:, None, None, :3, 3] + rays * depth[..., None]
    return points.permute(0, 3, 1, 2)


def _image_plane(fxfycxcy: Tensor, height: int, width: int, shift: float) -> tuple[Tensor, Tensor]:
    """The pixels' places on the image plane at z-depth 1: x [V, W] and y [V, H]."""
    fx, fy, cx, cy = fxfycxcy.T[..., None]
    columns = torch.linspace(0, 1, width, device=fxfycxcy.device)
    rows = torch.linspace(0, 1, height, device=fxfycxcy.device)
    return (columns + shift - cx) / fx, (rows + shift - cy) / fy
