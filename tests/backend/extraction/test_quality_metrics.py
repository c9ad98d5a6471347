"""The benchmark's quality metrics, on meshes with known defects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import PBRMaterial

from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from tests.bench.extraction.ground_truth import evaluation_cameras, visible_from_outside
from tests.bench.extraction.mesh_colors import to_mesh
from tests.bench.extraction.mesh_rendering import render_mesh
from tests.bench.extraction.metrics import (
    backface_share,
    diagonal,
    is_watertight,
    match_surfaces,
    psnr,
    stray_color_share,
    uv_overlap,
)
from tests.bench.extraction.surface_sampling import (
    poisson_points,
    stratified_points,
    surface_splats,
)
from training.objects import Mesh

CAMERAS = evaluation_cameras(4, 64)
HALVES = np.array([[0.05, 0.05], [0.45, 0.05], [0.05, 0.45]])  # UV of a face, each in its place


def ball(radius: float = 1.0) -> trimesh.Trimesh:
    """Coloured by position: 0.5 + 0.4 p / |p|."""
    mesh = trimesh.creation.icosphere(3, radius)
    colors = 255 * (0.5 + 0.4 * np.asarray(mesh.vertices) / radius)
    mesh.visual = ColorVisuals(mesh, vertex_colors=colors.astype(np.uint8))
    return mesh


def points_on(mesh: Mesh, count: int = 40_000) -> np.ndarray:
    return stratified_points(mesh, count, np.random.default_rng(0)).interpolate(mesh, mesh.vertices)


def two_faces(offset: float) -> Mesh:
    """A textured pair of triangles, the second's UV `offset` to the right of the first's."""
    mesh = trimesh.Trimesh(
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0]],
        [[0, 1, 2], [3, 4, 5]],
        process=False,
    )
    uv = np.concatenate([HALVES, HALVES + (offset, 0)])
    texture = Image.fromarray(np.full((64, 64, 3), 200, np.uint8))
    mesh.visual = TextureVisuals(uv, material=PBRMaterial(baseColorTexture=texture))
    return to_mesh(mesh)


def test_a_surface_matches_itself() -> None:
    points = points_on(to_mesh(ball()))
    same = match_surfaces(points, points_on(to_mesh(ball()), 50_000), 0.01 * diagonal(points))
    assert same.f_score > 0.999


@pytest.mark.parametrize(("shift", "low", "high"), [(0.02, 0.4, 0.9), (0.2, 0.0, 0.3)])
def test_a_shifted_surface_matches_less(shift: float, low: float, high: float) -> None:
    points = points_on(to_mesh(ball()))
    size = diagonal(points)
    moved = points + np.array([shift * size, 0, 0], np.float32)
    assert low < match_surfaces(moved, points, 0.01 * size).f_score < high


def test_missing_parts_lower_recall_and_extra_parts_precision() -> None:
    points = points_on(to_mesh(ball()))
    half = points[points[:, 0] > 0]
    little = match_surfaces(half, points, 0.05)
    assert little.precision == 1
    assert little.recall == pytest.approx(0.5, abs=0.05)
    much = match_surfaces(points, half, 0.05)
    assert much.precision == pytest.approx(0.5, abs=0.05)
    assert much.recall == 1


def test_inner_shells_are_not_visible_from_outside() -> None:
    mesh = to_mesh(ball(0.9) + ball(0.5))
    points = points_on(mesh)
    outer = np.linalg.norm(points, axis=1) > 0.7
    visible = visible_from_outside(mesh, points, 0.01)
    assert visible[outer].mean() > 0.99
    assert not visible[~outer].any()


def test_flipped_faces_are_counted() -> None:
    mesh = ball()
    assert backface_share(render_mesh(to_mesh(mesh), CAMERAS)) == 0
    faces = np.asarray(mesh.faces).copy()
    chosen = _random().permutation(len(faces))[: len(faces) // 10]
    faces[chosen] = faces[chosen, ::-1]
    flipped = trimesh.Trimesh(mesh.vertices, faces, process=False)
    share = backface_share(render_mesh(to_mesh(flipped), CAMERAS))
    assert share == pytest.approx(0.1, abs=0.03)


def test_uv_overlaps_are_counted() -> None:
    assert uv_overlap(two_faces(0.5)) == 0
    assert uv_overlap(two_faces(0.2)) > 0.1
    assert uv_overlap(two_faces(0.0)) == 1


def test_neighbours_in_uv_do_not_overlap() -> None:
    quad = two_faces(0)
    corners = [[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9], [0.1, 0.9], [0.9, 0.1]]
    assert uv_overlap(replace(quad, uv=np.array(corners, np.float32))) == 0


def test_a_hole_is_not_watertight_but_a_seam_is() -> None:
    mesh = ball()
    corners = np.asarray(mesh.vertices)[mesh.faces].reshape(-1, 3)
    apart = trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3), process=False)
    assert is_watertight(apart)
    assert not is_watertight(trimesh.Trimesh(mesh.vertices, mesh.faces[1:], process=False))


def test_stray_colours_are_counted() -> None:
    mesh = to_mesh(ball(0.9))
    cloud = surface_splats(mesh, stratified_points(mesh, 4000, np.random.default_rng(0)), _random())
    assert stray_color_share(mesh, render_mesh(mesh, CAMERAS), cloud) < 0.001
    bare = replace(mesh, vertex_rgb=np.where(mesh.vertices[:, :1] > 0.5, 0, mesh.vertex_rgb))
    assert stray_color_share(bare, render_mesh(bare, CAMERAS), cloud) > 0.1


def test_splats_of_a_mesh_look_like_it() -> None:
    mesh = to_mesh(ball(0.9))
    cloud = surface_splats(mesh, poisson_points(mesh, 16_000, _random()), _random())
    assert len(cloud) > 15_000
    images = render_mesh(mesh, CAMERAS, samples=3).colors
    assert psnr(rasterize(cloud, CAMERAS, eps2d=1 / 12).colors, images) > 21
    assert psnr(np.ones_like(images), images) < 12


def test_textures_are_not_flipped() -> None:
    """A square that faces +Z, its texture red at the left, green at the top."""
    square = trimesh.Trimesh(
        [[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]],
        [[0, 1, 2], [0, 2, 3]],
        process=False,
    )
    ramp = np.linspace(255, 0, 64).astype(np.uint8)
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[..., 0], texture[..., 1] = ramp[None, :], ramp[:, None]
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    material = PBRMaterial(baseColorTexture=Image.fromarray(texture))
    square.visual = TextureVisuals(uv, material=material)
    front = orbit_cameras([0], 0, 3.0, 40.0, 64)
    image = render_mesh(to_mesh(square), front, background=0).colors[0]
    assert (image[30:34, 20, 0] > image[30:34, 44, 0] + 0.3).all()
    assert (image[20, 30:34, 1] > image[44, 30:34, 1] + 0.3).all()


def _random() -> np.random.Generator:
    return np.random.default_rng(0)
