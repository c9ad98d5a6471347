"""Subjects whose surface and colours are known exactly: a metaball field, and a torus with a ball.

Both are coloured, asymmetric and made of smooth surfaces.
"""

from __future__ import annotations

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from torch import Tensor

from splatsmith.contract.bounds import Box
from splatsmith.gaussians.cameras import Cameras
from splatsmith.representations.field_function import FieldFunction
from splatsmith.representations.view_images import ViewImages

from .z_buffer import rasterize_mesh

Points = NDArray[np.float32]  # [N, 3]

LEVEL = 10.0
HALF = 0.45  # of the field's bounds, as LN3Diff has them
_PEAK = 40.0
_CENTERS = torch.tensor(
    [[0.0, -0.1, 0.0], [0.2, 0.12, 0.05], [-0.18, 0.1, 0.1], [0.02, 0.26, -0.1], [0.1, -0.24, 0.1]]
)
_SIGMAS = torch.tensor([0.09, 0.06, 0.07, 0.05, 0.06])
_COLORS = torch.tensor(
    [[0.9, 0.2, 0.2], [0.2, 0.8, 0.3], [0.2, 0.3, 0.9], [0.9, 0.8, 0.2], [0.7, 0.3, 0.8]]
)


def metaballs(points: Tensor) -> tuple[Tensor, Tensor]:
    """Density and colour: a sum of Gaussian blobs, and the mean of their colours by density."""
    exponents = _exponents(points)
    weights = torch.softmax(exponents, dim=0)
    return _PEAK * exponents.exp().sum(0), weights.T @ _COLORS.to(points)


def _exponents(points: Tensor) -> Tensor:
    """[5, N] of each blob's Gaussian."""
    squared = torch.stack([(points - center).square().sum(-1) for center in _CENTERS.to(points)])
    return -squared / (2 * _SIGMAS.to(points).square())[:, None]


def _is_inside(points: Tensor) -> Tensor:
    return _PEAK * _exponents(points).exp().sum(0) > LEVEL


def metaball_function() -> FieldFunction:
    corner = np.full(3, HALF, np.float32)
    return FieldFunction(metaballs, Box(-corner, corner), LEVEL, "cpu")


def metaball_color(points: Points) -> Points:
    """[N, 3] sRGB."""
    return metaballs(torch.from_numpy(points))[1].numpy()


def ball_function(
    density: float = 20.0, level: float = LEVEL, center: float = 0.0, radius: float = 0.3
) -> FieldFunction:
    """A grey ball on the x axis whose density falls to 0 within a tenth of its radius."""

    def evaluate(points: Tensor) -> tuple[Tensor, Tensor]:
        distances = (points - points.new_tensor([center, 0, 0])).norm(dim=-1)
        share = ((radius - distances) / (0.1 * radius) + 0.5).clamp(0, 1)
        return density * share, torch.full_like(points, 0.5)

    corner = np.full(3, HALF, np.float32)
    return FieldFunction(evaluate, Box(-corner, corner), level, "cpu")


def metaball_distances(points: Points) -> NDArray[np.float64]:
    """[N] from points near the surface to its nearest point, by Newton's method in float64."""
    start = torch.from_numpy(np.asarray(points, np.float64))
    moved = start.clone()
    for _ in range(8):
        value, gradient = _value_and_gradient(moved)
        moved = moved - value[:, None] * gradient / gradient.square().sum(1, keepdim=True)
        # Back to the foot of the perpendicular: along the tangent plane, towards the start.
        normal = torch.nn.functional.normalize(_value_and_gradient(moved)[1], dim=1)
        offset = start - moved
        moved = moved + 0.5 * (offset - (offset * normal).sum(1, keepdim=True) * normal)
    value, gradient = _value_and_gradient(moved)
    moved = moved - value[:, None] * gradient / gradient.square().sum(1, keepdim=True)
    return (start - moved).norm(dim=1).numpy()


def metaball_normals(points: Points) -> NDArray[np.float64]:
    """[N, 3] outward unit normals of the field's level through each of `points`."""
    gradient = _value_and_gradient(torch.from_numpy(np.asarray(points, np.float64)))[1]
    return -torch.nn.functional.normalize(gradient, dim=1).numpy()


def _value_and_gradient(points: Tensor) -> tuple[Tensor, Tensor]:
    points = points.detach().requires_grad_()
    value = metaballs(points)[0] - LEVEL
    (gradient,) = torch.autograd.grad(value.sum(), points)
    return value.detach(), gradient


def render_metaballs(cameras: Cameras, steps: int = 400) -> tuple[Points, Points, Points]:
    """Colours [C, H, W, 3] over white, alphas and z-depths [C, H, W], by ray marching."""
    parts = [_march(cameras, index, steps) for index in range(len(cameras))]
    colors, alphas, depths = (np.stack(part) for part in zip(*parts, strict=True))
    return colors, alphas, depths


def _march(cameras: Cameras, index: int, steps: int) -> tuple[Points, Points, Points]:
    view, k = cameras.viewmats[index].astype(np.float64), cameras.Ks[index]
    columns, rows = np.meshgrid(np.arange(cameras.width) + 0.5, np.arange(cameras.height) + 0.5)
    pixels = np.stack(
        [(columns - k[0, 2]) / k[0, 0], (rows - k[1, 2]) / k[1, 1], np.ones_like(rows)], axis=-1
    )
    directions = torch.from_numpy(pixels.reshape(-1, 3) @ view[:3, :3])
    origin = torch.from_numpy(-view[:3, :3].T @ view[:3, 3])
    reach = float(origin.norm())
    depths = torch.linspace(reach - 0.8, reach + 0.8, steps, dtype=torch.float64)
    far = torch.full((len(directions),), reach + 0.8, dtype=torch.float64)
    near, hit = far.clone(), torch.zeros(len(directions), dtype=torch.bool)
    misses = torch.linalg.cross(directions, origin.expand_as(directions)).norm(dim=1)
    rays = torch.nonzero(misses < HALF * directions.norm(dim=1))[:, 0]  # all balls are nearer
    for before, after in zip(depths[:-1], depths[1:], strict=True):
        inside = _is_inside(origin + after * directions[rays])
        near[rays[inside]], far[rays[inside]] = before, after
        hit[rays[inside]] = True
        rays = rays[~inside]
    for _ in range(20):
        middle = (near + far) / 2
        inside = _is_inside(origin + middle[:, None] * directions)
        near, far = torch.where(inside, near, middle), torch.where(inside, middle, far)
    color = metaballs(origin + far[:, None] * directions)[1]
    color = torch.where(hit[:, None], color, torch.ones(3, dtype=torch.float64))
    shape = (cameras.height, cameras.width)
    return (
        color.numpy().reshape(*shape, 3).astype(np.float32),
        hit.numpy().reshape(shape).astype(np.float32),
        torch.where(hit, far, 0).numpy().reshape(shape).astype(np.float32),
    )


_MAJOR, _MINOR = 0.6, 0.2
_BALL, _BALL_RADIUS = np.array([0.15, 0.45, 0.1]), 0.22


def solid_distances(points: Points) -> NDArray[np.float64]:
    """[N] signed distances to the torus around the y axis and the ball above it."""
    x, y, z = np.asarray(points, np.float64).T
    torus = np.hypot(np.hypot(x, z) - _MAJOR, y) - _MINOR
    ball = np.linalg.norm(points - _BALL, axis=1) - _BALL_RADIUS
    return np.minimum(torus, ball)


def solid_normals(points: Points) -> NDArray[np.float64]:
    """[N, 3] outward unit normals: the distances' gradient."""
    gradient = np.empty((len(points), 3))
    for axis in range(3):
        offset = 1e-5 * np.eye(3)[axis]
        ahead, behind = solid_distances(points + offset), solid_distances(points - offset)
        gradient[:, axis] = (ahead - behind) / 2e-5
    return gradient / np.linalg.norm(gradient, axis=1, keepdims=True)


def solid_colors(points: Points) -> Points:
    """[N, 3] sRGB at points [N, 3]."""
    return (0.5 + 0.4 * np.sin(3 * points + np.array([0.0, 1.0, 2.0]))).astype(np.float32)


def solid_mesh() -> trimesh.Trimesh:
    torus = trimesh.creation.torus(_MAJOR, _MINOR, major_sections=160, minor_sections=96)
    torus.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
    ball = trimesh.creation.icosphere(subdivisions=5, radius=_BALL_RADIUS)
    ball.apply_translation(_BALL)
    vertices = np.concatenate([torus.vertices, ball.vertices])
    return trimesh.Trimesh(
        vertices, np.concatenate([torus.faces, len(torus.vertices) + ball.faces])
    )


def solid_views(cameras: Cameras) -> ViewImages:
    """Images and true depths of the mesh."""
    mesh = solid_mesh()
    parts = [rasterize_mesh(mesh, cameras, index) for index in range(len(cameras))]
    depths = np.stack([depth for depth, _ in parts])
    images = np.stack([solid_colors(points) for _, points in parts])
    return ViewImages(images * (depths > 0)[..., None], depths, depths > 0, cameras)
