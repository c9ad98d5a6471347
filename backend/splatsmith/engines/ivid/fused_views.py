"""Free views: the depth meshes of all views blended into any camera, as the published renderer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...gaussians.numba_jit import Floats
from .aggregation import RenderSettings, aggregate, mesh_arrays
from .cameras import FOV, Camera
from .depth_mesh import MeshOptions, mesh_of_view
from .view_chain import RgbdView
from .viewset import swing_of
from .warping import resized_colors
from .z_buffer import MeshArrays

PADDING = 32  # pixels by which views are continued beyond their border
SUPERSAMPLING = 5
RENDER_NEAR, RENDER_FAR = 0.1, 200.0
BACKGROUND = 0.92  # grey, sRGB, where no view shows anything


class FusedViews:
    """Views of one size, drawn on `device`."""

    def __init__(self, views: Sequence[RgbdView], device: str) -> None:
        self.views = tuple(views)
        self._device = device

    @cached_property
    def _meshes(self) -> MeshArrays:
        options = MeshOptions(padding=PADDING)
        meshes = [mesh_of_view(view.depth, view.pose, options) for view in self.views]
        return mesh_arrays(meshes, np.stack([view.colors for view in self.views]))

    def render(self, camera: Camera, size: int, fov: float = FOV) -> Floats:
        """Colours [size, size, 3], 0..1, as a camera of `fov` degrees sees them."""
        side = max(SUPERSAMPLING * len(self.views[0].codes), size)
        settings = RenderSettings(side, RENDER_NEAR, RENDER_FAR, fov)
        seen = aggregate(self._meshes, camera, settings, self._device)
        colors = np.where(seen.is_covered[..., None], seen.colors, np.float32(BACKGROUND))
        return resized_colors(colors, size)

    def swing(self, turns: Sequence[float], size: int) -> Iterator[NDArray[np.uint8]]:
        """Pictures [size, size, 3] from the published path, as far as the views go."""
        for pose in swing_of([view.pose for view in self.views], turns):
            yield np.rint(255 * self.render(pose, size)).astype(np.uint8)
