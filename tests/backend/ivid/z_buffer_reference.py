"""A plain renderer of depth meshes: every ray with every triangle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splatsmith.engines.ivid.aggregation import RenderSettings
from splatsmith.engines.ivid.cameras import Pose
from splatsmith.engines.ivid.depth_mesh import DISCONTINUOUS, ERODED, PADDING, DepthMesh

Arrays = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]


def render_reference(
    meshes: Sequence[DepthMesh],
    images: NDArray[np.float64],
    pose: Pose,
    settings: RenderSettings,
) -> Arrays:
    """Colors [S, S, 3], depths [S, S], whether depth and color are seen [S, S]."""
    count = settings.size**2
    color, weight = np.zeros((count, 3)), np.zeros(count)
    inverse, inverse_weight = np.zeros(count), np.zeros(count)
    seen, color_seen = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    for mesh, image in zip(meshes, images, strict=True):
        w, c, z = _fragments(mesh, image, pose, settings)
        d = np.where(w > 1e-14, 1.0, np.where(w > 0, 1e-8, 0.0))
        unreliable = (d > 0) & (d < 1) & (inverse_weight > 0) & (inverse_weight < 2e-8)
        farther = unreliable & (z < inverse / np.where(inverse_weight > 0, inverse_weight, 1))
        for sums in (color, weight, inverse, inverse_weight):
            sums[farther] = 0
        w, d = (np.where(unreliable & ~farther, 0, each) for each in (w, d))
        color += w[:, None] * c
        weight += w
        inverse += d * z
        inverse_weight += d
        seen |= w > 1e-14
        color_seen |= w > 1e-6
    mean = inverse / np.where(inverse_weight > 0, inverse_weight, 1)
    depths = 1 / np.where(inverse_weight > 0, mean, 1 / settings.near)
    plane = (settings.size, settings.size)
    colors = color / np.where(weight > 0, weight, 1)[:, None]
    masks = (seen.reshape(plane), color_seen.reshape(plane))
    return colors.reshape(*plane, 3), depths.reshape(plane), *masks


def _fragments(
    mesh: DepthMesh, image: NDArray[np.float64], pose: Pose, settings: RenderSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Weights [P], colors [P, 3] and inverse depths [P] of a mesh's nearest triangles."""
    view = pose.world_to_camera
    points, normals = mesh.positions.reshape(-1, 3), mesh.normals.reshape(-1, 3)
    uvs, flags = mesh.uvs.reshape(-1, 2), mesh.flags.reshape(-1)
    corners = (points @ view[:3, :3].T + view[:3, 3])[mesh.faces] * (1, -1, -1)  # [F, 3, 3]
    area = np.linalg.det(corners)
    inverted = np.linalg.pinv(corners.transpose(0, 2, 1))
    ticks = (np.arange(settings.size) + 0.5) / settings.size * 2 - 1
    x, y = np.meshgrid(ticks, ticks)
    tangent = np.tan(np.radians(settings.fov) / 2)
    rays = np.stack([x.ravel() * tangent, y.ravel() * tangent, np.ones(x.size)])
    shares = inverted @ rays  # [F, 3, P], barycentric over depth
    depth = shares.sum(axis=1)
    flag = flags[mesh.faces]
    is_padding = (flag & PADDING).any(axis=1)
    hit = (shares >= -1e-12).all(axis=1) & (depth > 1 / settings.far) & (depth <= 1 / settings.near)
    hit &= ((area < 0) | ((area > 0) & ~is_padding))[:, None]
    depth = np.where(hit, depth, -np.inf)
    nearest = depth.argmax(axis=0)
    pixel = np.arange(depth.shape[1])
    is_hit = hit.any(axis=0)
    inverse = np.where(is_hit, depth[nearest, pixel], 1.0)
    b = np.where(is_hit[:, None], shares[nearest, :, pixel] / inverse[:, None], 1 / 3)
    faces = mesh.faces[nearest]
    interpolated = [(b[..., None] * each[faces]).sum(axis=1) for each in (points, normals, uvs)]
    gaze = mesh.eye - interpolated[0]
    cosine = (gaze * interpolated[1]).sum(axis=1)
    cosine /= np.linalg.norm(gaze, axis=1) * np.linalg.norm(interpolated[1], axis=1)
    weight = np.maximum(np.exp(-20 * np.arccos(np.clip(cosine, 0, 1))), 1e-4)
    is_eroded, is_torn = ((flag & bit != 0).sum(axis=1) == 3 for bit in (ERODED, DISCONTINUOUS))
    weight = np.where(is_eroded[nearest], weight * 1e-8, weight)
    unreliable = is_padding | is_torn
    weight = np.where(unreliable[nearest], 1e-16, weight)
    weight = np.where(is_hit & (area[nearest] < 0), weight, 0)
    texel = np.clip((interpolated[2] * len(image)).astype(int), 0, len(image) - 1)
    return weight, image[texel[:, 1], texel[:, 0]], np.where(weight > 0, inverse, 0)
