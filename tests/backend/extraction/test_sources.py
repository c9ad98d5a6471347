"""Meshes from surface sources that are no Gaussians: an analytic ball."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import trimesh
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import PBRMaterial

from splatsmith.contract.bounds import Sphere
from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.extraction.array_types import Indices, Mask
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.extraction.sources import ColoredSurface, SurfaceColors
from splatsmith.extraction.surface.sparse_volume import (
    BLOCK_SIZE,
    OUTSIDE,
    SparseVolume,
    VoxelGrid,
    allocate_blocks,
    uniform_volume,
)
from splatsmith.extraction.surface.volume_surface import SurfaceShape, surface_from_volume
from splatsmith.extraction.texture.color_samples import BASE, DETAIL, ColorSamples
from splatsmith.gaussians.numba_jit import Floats
from splatsmith.progress import Progress, silent

SPHERE = Sphere(np.array([1, 2, 3], np.float32), 5.0)
RADIUS = 0.7
GRID = VoxelGrid.covering(1, 0.04, np.zeros(3, np.float32))


def colors_at(points: np.ndarray) -> np.ndarray:
    """sRGB [N, 3] 0..1 by the direction from the centre."""
    return 0.5 + 0.4 * points / np.linalg.norm(points, axis=1, keepdims=True)


@dataclass(frozen=True)
class AnalyticColors:
    """Exact colours, all in one layer: DETAIL or BASE."""

    layer: np.uint8
    detail_size: float = 0.0
    base_pixel_size: float = 0.0

    def at(self, points: Floats, normals: Floats, base_wanted: Mask) -> ColorSamples:
        colors = np.round(255 * colors_at(points)).astype(np.uint8)
        nothing = np.zeros_like(colors)
        known = np.full(len(points), self.layer, np.uint8)
        if self.layer == DETAIL:
            return ColorSamples(colors, nothing, known)
        return ColorSamples(nothing, colors, known)


def ball_volume() -> SparseVolume:
    def fill(coords: Indices, _codes: Indices) -> Floats:
        steps = np.stack(np.meshgrid(*[np.arange(BLOCK_SIZE)] * 3, indexing="ij"), axis=-1)
        voxels = coords[:, None, None, None] * BLOCK_SIZE + steps
        positions = GRID.origin + GRID.voxel_size * voxels
        distances = np.linalg.norm(positions, axis=-1) - RADIUS
        return np.clip(distances / (3 * GRID.voxel_size), -1, 1).astype(np.float32)

    index = np.full(GRID.blocks, OUTSIDE, np.int32)
    requested = np.ones(GRID.blocks, np.bool_)
    return allocate_blocks(uniform_volume(GRID, index), requested, fill)


@dataclass(frozen=True)
class BallSource:
    colors: SurfaceColors

    def colored_surface(
        self, options: ExtractionOptions, progress: Progress, device: str
    ) -> ColoredSurface:
        shape = SurfaceShape(mirror_plane=0.0, closed=True)
        surface = surface_from_volume(ball_volume(), shape, options, progress)
        return ColoredSurface(surface, self.colors, SPHERE)


def mesh_of(layer: np.uint8, texture_size: int, faces: int = 2000) -> trimesh.Trimesh:
    options = ExtractionOptions(face_budget=faces, texture_size=texture_size)
    return extract_mesh(BallSource(AnalyticColors(layer)), options, silent(), "cpu")


@pytest.mark.parametrize("faces", [100, 2000])
@pytest.mark.parametrize("texture_size", [0, 512])
def test_the_face_budget_holds(texture_size: int, faces: int) -> None:
    mesh = mesh_of(DETAIL, texture_size, faces)
    assert 0.9 * faces < len(mesh.faces) <= faces
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
    assert whole.is_watertight


@pytest.mark.parametrize("texture_size", [0, 512])
def test_meshes_are_in_the_asset_frame(texture_size: int) -> None:
    mesh = mesh_of(DETAIL, texture_size)
    radii = np.linalg.norm(mesh.vertices - SPHERE.center, axis=1)
    assert np.abs(radii / SPHERE.radius - RADIUS).max() < 0.02
    outward = (mesh.vertices - SPHERE.center) / radii[:, None]
    assert np.einsum("ij,ij->i", mesh.vertex_normals, outward).min() > 0.95


@pytest.mark.parametrize("layer", [DETAIL, BASE])
def test_vertices_have_the_sources_colours(layer: np.uint8) -> None:
    mesh = mesh_of(layer, 0)
    assert isinstance(mesh.visual, ColorVisuals)
    expected = 255 * colors_at(mesh.vertices - SPHERE.center)
    assert np.abs(mesh.visual.vertex_colors[:, :3] - expected).max() <= 1


@pytest.mark.parametrize("layer", [DETAIL, BASE])
def test_textures_have_the_sources_colours(layer: np.uint8) -> None:
    mesh = mesh_of(layer, 512)
    assert isinstance(mesh.visual, TextureVisuals)
    assert isinstance(mesh.visual.material, PBRMaterial)
    image = np.asarray(mesh.visual.material.baseColorTexture)
    assert image.shape == (512, 512, 3)
    # At the faces' centres, where no texel beyond the chart counts.
    uv = mesh.visual.uv[mesh.faces].mean(axis=1)
    columns, rows = (uv * (512, -512) + (0, 512)).astype(int).T
    centers = mesh.vertices[mesh.faces].mean(axis=1) - SPHERE.center
    errors = np.abs(image[rows, columns] - 255 * colors_at(centers))
    assert np.percentile(errors, 99) < 8
