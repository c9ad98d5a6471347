"""Conditions for training from single pictures: each is warped into another camera and back.

What it loses on the way is what the network has to paint (the paper's forward-backward warping).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from splatsmith.engines.ivid.aggregation import aggregate, mesh_arrays
from splatsmith.engines.ivid.cameras import MAX_PITCH, MAX_YAW, Pose
from splatsmith.engines.ivid.depth_code import decode_depth
from splatsmith.engines.ivid.depth_mesh import (
    DISCONTINUOUS,
    ERODED,
    DepthMesh,
    MeshOptions,
    mesh_of_view,
)
from splatsmith.engines.ivid.view_chain import RgbdView, ViewChain
from splatsmith.engines.ivid.warping import WarpedView, render_settings, warped_view


def random_pose(rng: np.random.Generator) -> Pose:
    """Evenly among the cameras of the views that the engine makes."""
    yaw, pitch = rng.uniform(-1, 1, 2) * (MAX_YAW, MAX_PITCH)
    return Pose(float(yaw), float(pitch))


def there_and_back(view: RgbdView, other: Pose, options: MeshOptions | None = None) -> WarpedView:
    """What is left of a view that was seen from another camera."""
    options = options or MeshOptions()
    chain = ViewChain("cpu", options)
    chain.add(view)
    seen = chain.warped(other)
    mesh = _mesh_of_warped(seen, other, options)
    settings = render_settings(len(view.codes))
    return warped_view(
        aggregate(mesh_arrays([mesh], seen.colors[None]), view.pose, settings), options
    )


def _mesh_of_warped(seen: WarpedView, pose: Pose, options: MeshOptions) -> DepthMesh:
    """The depths as far as they were seen; the rest of the mesh counts as discontinuous."""
    mesh = mesh_of_view(decode_depth(seen.bounds.astype(np.float64)), pose, options)
    lost = DISCONTINUOUS * ~np.pad(seen.mask, 1, mode="edge")
    colorless = ERODED * ~np.pad(seen.color_mask, 1, mode="edge")
    return replace(mesh, flags=mesh.flags | lost | colorless)
