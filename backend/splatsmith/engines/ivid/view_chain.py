"""RGBD views made so far, what a new camera sees of them, and all of them as a representation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...gaussians.cameras import orbit_cameras
from ...gaussians.numba_jit import Floats
from ...representations.rgbd_views import RgbdViews
from ...representations.view_images import ViewImages
from .aggregation import Aggregate, RenderSettings, aggregate, mesh_arrays
from .cameras import FOV, Camera, Pose
from .depth_code import Doubles, decode_depth
from .depth_mesh import DepthMesh, MeshOptions, mesh_of_view
from .warping import WarpedView, render_settings, warped_view

DEPTH_TOLERANCE = 0.03  # between views, as of the meshes' discontinuities
FAR_CODE = 0.999  # of the depth code: what is farther is empty


@dataclass(frozen=True)
class RgbdView:
    """colors: [N, N, 3], about 0..1. codes: [N, N] depth codes, about 0..1."""

    pose: Pose
    colors: Floats
    codes: Floats

    @classmethod
    def of_sample(cls, pose: Pose, sample: Tensor) -> RgbdView:
        """From the network's [4, N, N], about -1..1; not clamped, as published."""
        values = (0.5 * sample.float() + 0.5).permute(1, 2, 0).cpu().numpy()
        return cls(pose, np.ascontiguousarray(values[..., :3]), values[..., 3].copy())

    @property
    def depth(self) -> Doubles:
        """[N, N] z-depths."""
        return decode_depth(self.codes.astype(np.float64))


class ViewChain:
    """The views in the order in which they were made, and their meshes, drawn on `device`."""

    def __init__(self, device: str, options: MeshOptions | None = None) -> None:
        self._device = device
        self._options = options or MeshOptions()
        self._meshes: list[DepthMesh] = []
        self.views: list[RgbdView] = []

    def add(self, view: RgbdView) -> None:
        self.views.append(view)
        self._meshes.append(mesh_of_view(view.depth, view.pose, self._options))

    def warped(self, pose: Pose) -> WarpedView:
        """What the camera at `pose` sees of all views."""
        size = len(self.views[0].codes)
        return warped_view(self.seen_from(pose, render_settings(size)), self._options)

    def seen_from(self, camera: Camera, settings: RenderSettings) -> Aggregate:
        """All views blended in a camera."""
        colors = np.stack([view.colors for view in self.views])
        return aggregate(mesh_arrays(self._meshes, colors), camera, settings, self._device)

    def representation(self) -> RgbdViews:
        """In ivid's world, which is the asset frame: the front camera at distance 1 on +Z."""
        size = len(self.views[0].codes)
        poses = [view.pose for view in self.views]
        cameras = orbit_cameras(
            np.degrees([pose.yaw for pose in poses]),
            np.degrees([pose.pitch for pose in poses]),
            1.0,
            FOV,
            size,
        )
        images = ViewImages(
            images=np.stack([np.clip(view.colors, 0, 1) for view in self.views]),
            depths=np.stack([view.depth for view in self.views]).astype(np.float32),
            masks=np.stack([view.codes < FAR_CODE for view in self.views]),
            cameras=cameras,
        )
        return RgbdViews(images, is_open=True, depth_tolerance=DEPTH_TOLERANCE)
