"""Which parts of a surface views show, and from which side."""

from __future__ import annotations

import numpy as np

from ..extraction.surface.triangle_surface import Surface
from ..gaussians.numba_jit import Floats
from .view_images import ViewImages


def visible_part(surface: Surface, views: ViewImages, tolerance: float) -> Surface:
    """The faces whose corners are all visible, in one view or several.

    Args:
        surface: in the frame of the views' cameras.
        tolerance: distance from the depth maps.
    """
    visible = np.zeros(len(surface.vertices), np.bool_)
    for index in range(len(views)):
        hidden = np.flatnonzero(~visible)
        pixels = views.view(index).pixels_of(surface.vertices[hidden], absolute=tolerance)
        visible[hidden[pixels >= 0]] = True
    return Surface(surface.vertices, surface.faces[visible[surface.faces].all(axis=1)]).compact()


def face_views(
    positions: Floats, normals: Floats, views: ViewImages, depth_tolerance: float
) -> Floats:
    """Normals [N, 3] at positions [N, 3], flipped where they face away from the cameras there.

    Args:
        depth_tolerance: of a position's depth from that of its pixel, relative to the depth.
    """
    towards = np.zeros_like(positions)
    for index, camera in enumerate(views.cameras.positions):
        visible = views.view(index).pixels_of(positions, relative=depth_tolerance) >= 0
        directions = camera - positions[visible]
        towards[visible] += directions / np.linalg.norm(directions, axis=1, keepdims=True)
    away = (towards * normals).sum(axis=1) < 0
    return np.where(away[:, None], -normals, normals)
