"""Plücker coordinates of pixels' rays, as networks take them for camera conditioning."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .gaussian_batch import pixel_rays


def plucker_coordinates(x: Tensor, y: Tensor, c2w: Tensor) -> Tensor:
    """[V, 6, H, W]: the moment o x d, then the unit direction d, in the world.

    Args:
        x, y: [V, W] and [V, H], the pixels' places on the image plane at z-depth 1.
        c2w: [V, 4, 4] camera to world, OpenCV axes.
    """
    directions = F.normalize(pixel_rays(x, y, c2w[:, :3, :3]), dim=-1)
    origins = c2w[:, None, None, :3, 3].expand_as(directions)
    moments = torch.linalg.cross(origins, directions)
    return torch.cat([moments, directions], -1).permute(0, 3, 1, 2)
