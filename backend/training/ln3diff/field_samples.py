"""Points around an object with the signed distances and the colours of its surface.

The surface is what views from all around show of the mesh, so that it need not be closed: a point
that a view sees in front of the surface is outside, and what no view sees into is inside.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from training.mesh_rasterizer import DISTANCE, FOV, SIZE, camera_rotation, render_view
from training.objects import Mesh

Floats = NDArray[np.float32]

EXTENT = 0.42  # of the box's half side, 0.45, that an object's longest half side takes
_VIEWS = [*product(range(0, 360, 45), (-35, 5, 45)), (0, 90), (0, -90)]
_FOCAL = SIZE / 2 / np.tan(np.radians(FOV / 2))
_NEIGHBORS = 6  # view points whose tangent planes a distance is the mean of
_PLANE_REACH = 0.05  # units of the mesh's sphere within which these planes count
_CARVED = 0.03  # this far before what a view shows is outside for sure: two pixels
_SPREADS = (0.01, 0.04)  # standard deviations of points around the surface
_SHARES = (0.4, 0.35)  # of all points, around it; the others are spread over the box


@dataclass(frozen=True)
class FieldSamples:
    """N points of one object in the published frame (Z up, front -Y), in the box.

    points: [N, 3]. distances: [N], in the box's units, negative inside. colors: [N, 3], sRGB 0..1,
    of the nearest surface.
    """

    points: Floats
    distances: Floats
    colors: Floats


@dataclass(frozen=True)
class _SeenSurface:
    """What the views show: S points with normals and colours [S, 3]; depth maps and rotations."""

    points: Floats
    normals: Floats
    colors: Floats
    depths: list[Floats]  # [H, W] each, 0 = empty
    rotations: list[Floats]  # [3, 3], world to camera


def sample_object(mesh: Mesh, count: int, seed: int) -> FieldSamples:
    """`count` points, most of them near the surface."""
    seen = _see(mesh)
    random = np.random.default_rng(seed)
    half = float(np.abs(mesh.vertices).max())
    near = [
        seen.points[random.integers(len(seen.points), size=int(share * count))]
        + spread * random.normal(size=(int(share * count), 3))
        for spread, share in zip(_SPREADS, _SHARES, strict=True)
    ]
    rest = count - sum(map(len, near))
    points = np.concatenate([*near, random.uniform(-1, 1, (rest, 3)) * half * 0.45 / EXTENT])
    points = points.clip(-half * 0.45 / EXTENT, half * 0.45 / EXTENT).astype(np.float32)
    distances, colors = _measure(points, seen)
    scale = np.float32(EXTENT / half)
    return FieldSamples(to_z_up(points) * scale, distances * scale, colors)


def to_z_up(points: Floats) -> Floats:
    """Y up and front +Z to Z up and front -Y."""
    return points[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32)


def _see(mesh: Mesh) -> _SeenSurface:
    parts: list[tuple[Floats, Floats, Floats]] = []
    depths, rotations = [], []
    columns, rows = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    rays = np.stack([columns - SIZE / 2, rows - SIZE / 2, np.full_like(rows, _FOCAL)], -1) / _FOCAL
    for azimuth, elevation in _VIEWS:
        rgba, depth, normals = render_view(mesh, azimuth, elevation)
        rotation, depth = camera_rotation(azimuth, elevation), depth.astype(np.float32)
        opaque = rgba[..., 3] == 255
        camera = rays[opaque] * depth[opaque][:, None] - np.array([0, 0, DISTANCE])
        colors = rgba[opaque][:, :3] / np.float32(255)
        world = (camera @ rotation).astype(np.float32)
        facing = (normals[opaque] / 127).astype(np.float32)
        parts.append((world, facing, colors.astype(np.float32)))
        depths.append(depth)
        rotations.append(rotation)
    points, normals, colors = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _SeenSurface(points, normals, colors, depths, rotations)


def _measure(points: Floats, seen: _SeenSurface) -> tuple[Floats, Floats]:
    """Signed distances [N] and the nearest surface's colours [N, 3]."""
    found = KDTree(seen.points).query(points, k=_NEIGHBORS)
    far, nearest = np.asarray(found[0]), np.asarray(found[1])
    offsets = points[:, None] - seen.points[nearest]
    planes = np.einsum("nkc,nkc->nk", offsets, seen.normals[nearest]).mean(axis=1)
    carved = _is_carved(points, seen)
    whole = np.where(carved, far[:, 0], -far[:, 0])
    distances = np.where(far[:, 0] < _PLANE_REACH, planes, whole)
    distances = np.where(carved, np.abs(distances), distances)
    return distances.astype(np.float32), seen.colors[nearest[:, 0]]


def _is_carved(points: Floats, seen: _SeenSurface) -> NDArray[np.bool_]:
    """[N] whether a view sees the point well in front of the surface, or the background there."""
    carved = np.zeros(len(points), np.bool_)
    for depth, rotation in zip(seen.depths, seen.rotations, strict=True):
        x, y, z = (points @ rotation.T + np.array([0, 0, DISTANCE], np.float32)).T
        column = (_FOCAL * x / z + SIZE / 2).astype(int).clip(0, SIZE - 1)
        row = (_FOCAL * y / z + SIZE / 2).astype(int).clip(0, SIZE - 1)
        there = depth[row, column]
        carved |= np.where(there > 0, z < there - _CARVED, _is_empty_around(depth)[row, column])
    return carved


def _is_empty_around(depth: Floats) -> NDArray[np.bool_]:
    """[H, W] whether a pixel and its four neighbours are empty."""
    empty = np.pad(depth == 0, 1, constant_values=True)
    return (
        empty[1:-1, 1:-1] & empty[:-2, 1:-1] & empty[2:, 1:-1] & empty[1:-1, :-2] & empty[1:-1, 2:]
    )
