"""Rays of pixels: what the network knows of the cameras, and where Gaussians are placed on them.

Cameras have OpenCV axes; intrinsics are fx, fy, cx, cy in pixels, pixel centres lie at halves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ...gaussians.gaussian_batch import pixel_rays
from .card import Subject

OBJECT_RADIUS = 1.8  # Gaussians of objects lie this far before or behind the reference point
SCENE_RANGE = (0.0, 500.0)  # distances of Gaussians of scenes from their camera


@dataclass(frozen=True)
class Rays:
    """Rays [..., 3] in world space, float32.

    Those of all pixels of V cameras are [V, H, W, 3], their origins [V, 1, 1, 3].

    origins: camera centres. directions: of unit length.
    """

    origins: Tensor
    directions: Tensor

    @classmethod
    def of_cameras(cls, c2w: Tensor, fxfycxcy: Tensor, height: int, width: int) -> Rays:
        """Of cameras [V, 4, 4] (camera to world) with intrinsics [V, 4] in pixels."""
        fx, fy, cx, cy = fxfycxcy.T[..., None]
        x = (torch.arange(width, device=c2w.device) + 0.5 - cx) / fx
        y = (torch.arange(height, device=c2w.device) + 0.5 - cy) / fy
        directions = F.normalize(pixel_rays(x, y, c2w[:, :3, :3]), dim=-1)
        return cls(c2w[:, None, None, :3, 3], directions)

    def in_patch_order(self, patch: int) -> Rays:
        """[V H W, 3] of rays of pixels, in the order of the denoiser's Gaussians."""
        split = self.directions.unflatten(2, (-1, patch)).unflatten(1, (-1, patch))
        ordered = split.transpose(2, 3)  # V, H / P, W / P, P, P, 3
        origins = self.origins[..., None, None, :].expand_as(ordered)
        return Rays(origins.reshape(-1, 3), ordered.reshape(-1, 3))

    @property
    def reference_distances(self) -> Tensor:
        """[..., 1] from the camera to the rays' points nearest to the world's origin."""
        return -(self.origins * self.directions).sum(-1, keepdim=True)

    def features(self, subject: Subject) -> Tensor:
        """[V, 6, H, W] of rays of pixels, the network's input.

        Objects have reference-point Plücker coordinates (section 3.2 of the paper): the direction
        and the point nearest to the origin. Scenes have Plücker coordinates: moment and direction.
        """
        if subject is Subject.OBJECT:
            points = self.origins + self.reference_distances * self.directions
            features = torch.cat([self.directions, points], -1)
        else:
            moments = torch.linalg.cross(self.origins.expand_as(self.directions), self.directions)
            features = torch.cat([moments, self.directions], -1)
        return features.permute(0, 3, 1, 2)

    def distances(self, subject: Subject, values: Tensor) -> Tensor:
        """[..., 1] of Gaussians from their camera, by the network's unbounded `values` [..., 1]."""
        shares = values.sigmoid()
        if subject is Subject.OBJECT:
            return (2 * shares - 1) * OBJECT_RADIUS + self.reference_distances
        near, far = SCENE_RANGE
        return near + shares * (far - near)

    def points(self, distances: Tensor) -> Tensor:
        """[..., 3] on the rays at distances [..., 1] from their origins."""
        return self.origins + distances * self.directions
