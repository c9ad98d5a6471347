"""Sample surfaces for tests."""

from __future__ import annotations

import numpy as np
import trimesh

from splatsmith.extraction.surface.triangle_surface import Surface


def surface_of(mesh: trimesh.Trimesh) -> Surface:
    return Surface(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32))


def sphere(detail: int = 4) -> Surface:
    """A unit sphere of 20 * 4^detail faces."""
    return surface_of(trimesh.creation.icosphere(detail))


def box() -> Surface:
    return surface_of(trimesh.creation.box())


def rolled_sheet(turns: float = 2.5, rows: int = 12, columns: int = 120) -> Surface:
    """An open spiral: any projection overlaps itself."""
    angle = np.linspace(0, 2 * np.pi * turns, columns)
    radius = 0.3 + 0.1 * angle / np.pi
    height = np.linspace(-0.5, 0.5, rows)
    grid = np.stack(
        [
            np.broadcast_to(radius * np.cos(angle), (rows, columns)),
            np.broadcast_to(radius * np.sin(angle), (rows, columns)),
            np.broadcast_to(height[:, None], (rows, columns)),
        ],
        axis=2,
    )
    return Surface(grid.reshape(-1, 3).astype(np.float32), _grid_faces(rows, columns))


def spiral_ramp(turns: float = 2.0, rows: int = 6, columns: int = 80) -> Surface:
    """A helical ramp: all normals point up, and turns lie above each other."""
    angle = np.linspace(0, 2 * np.pi * turns, columns)
    radius = np.linspace(0.4, 1, rows)[:, None]
    flat = [radius * np.cos(angle), radius * np.sin(angle)]
    height = np.broadcast_to(0.05 * angle, (rows, columns))
    vertices = np.stack([*flat, height], axis=2).reshape(-1, 3)
    return Surface(vertices.astype(np.float32), _grid_faces(rows, columns))


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    right, up = corner + 1, corner + columns
    faces = [[corner, right, up], [right, up + 1, up]]
    return np.concatenate([np.stack(face, axis=1) for face in faces]).astype(np.int32)
