"""Points of a textured mesh, with the normals and the colours that it has there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals


@dataclass(frozen=True)
class MeshSamples:
    """positions, normals and colors [N, 3]; colours are the nearest texels', 0..1."""

    positions: NDArray[np.float32]
    normals: NDArray[np.float64]
    colors: NDArray[np.float64]
    texture_size: int


def sample_mesh(mesh: trimesh.Trimesh, count: int = 20_000) -> MeshSamples:
    """Points spread over the mesh by area."""
    positions, faces = trimesh.sample.sample_surface(mesh, count, seed=0)[:2]
    weights = trimesh.triangles.points_to_barycentric(mesh.triangles[faces], positions)
    assert isinstance(mesh.visual, TextureVisuals)
    assert isinstance(mesh.visual.material, PBRMaterial)
    uv = (np.asarray(mesh.visual.uv)[mesh.faces[faces]] * weights[..., None]).sum(axis=1)
    texture = np.asarray(mesh.visual.material.baseColorTexture)
    size = len(texture)
    columns = np.clip(uv[:, 0] * size, 0, size - 1).astype(int)
    rows = np.clip((1 - uv[:, 1]) * size, 0, size - 1).astype(int)
    colors = texture[rows, columns, :3] / 255
    return MeshSamples(positions.astype(np.float32), mesh.face_normals[faces], colors, size)


def is_watertight(mesh: trimesh.Trimesh) -> bool:
    """Whether the mesh is closed once the vertices along texture seams are merged."""
    vertices, numbers = np.unique(mesh.vertices, axis=0, return_inverse=True)
    welded = trimesh.Trimesh(vertices, numbers.reshape(-1)[mesh.faces], process=False)
    return bool(welded.is_watertight and welded.is_winding_consistent)
