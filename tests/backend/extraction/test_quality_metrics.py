"""The measures of extraction's quality, on meshes whose faults are known."""

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
from tests.bench.extraction.ground_truth import all_around, seen_from_outside
from tests.bench.extraction.mesh_colors import painted
from tests.bench.extraction.mesh_rendering import draw_mesh
from tests.bench.extraction.metrics import (
    diagonal,
    inside_out,
    is_watertight,
    likeness,
    psnr,
    unpainted,
    uv_overlap,
)
from tests.bench.extraction.surface_sampling import evenly_spread, flat_gaussians, scattered
from training.objects import Mesh

CAMERAS = all_around(4, 64)
HALVES = np.array([[0.05, 0.05], [0.45, 0.05], [0.05, 0.45]])  # UV of a face, each in its place


def ball(radius: float = 1.0) -> trimesh.Trimesh:
    """Coloured by place: 0.5 + 0.4 p / |p|."""
    mesh = trimesh.creation.icosphere(3, radius)
    colors = 255 * (0.5 + 0.4 * np.asarray(mesh.vertices) / radius)
    mesh.visual = ColorVisuals(mesh, vertex_colors=colors.astype(np.uint8))
    return mesh


def points_on(mesh: Mesh, count: int = 40_000) -> np.ndarray:
    return scattered(mesh, count, np.random.default_rng(0)).of(mesh, mesh.vertices)


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
    return painted(mesh)


def test_a_surface_is_wholly_like_itself() -> None:
    points = points_on(painted(ball()))
    same = likeness(points, points_on(painted(ball()), 50_000), 0.01 * diagonal(points))
    assert same.f_score > 0.999


@pytest.mark.parametrize(("shift", "low", "high"), [(0.02, 0.4, 0.9), (0.2, 0.0, 0.3)])
def test_a_shifted_surface_is_less_like(shift: float, low: float, high: float) -> None:
    points = points_on(painted(ball()))
    size = diagonal(points)
    moved = points + np.array([shift * size, 0, 0], np.float32)
    assert low < likeness(moved, points, 0.01 * size).f_score < high


def test_what_is_missing_costs_recall_and_what_is_too_much_precision() -> None:
    points = points_on(painted(ball()))
    half = points[points[:, 0] > 0]
    little = likeness(half, points, 0.05)
    assert little.precision == 1
    assert little.recall == pytest.approx(0.5, abs=0.05)
    much = likeness(points, half, 0.05)
    assert much.precision == pytest.approx(0.5, abs=0.05)
    assert much.recall == 1


def test_a_shell_inside_is_not_seen_from_outside() -> None:
    mesh = painted(ball(0.9) + ball(0.5))
    points = points_on(mesh)
    outer = np.linalg.norm(points, axis=1) > 0.7
    seen = seen_from_outside(mesh, points, 0.01)
    assert seen[outer].mean() > 0.99
    assert not seen[~outer].any()


def test_a_flipped_face_is_found() -> None:
    mesh = ball()
    assert inside_out(draw_mesh(painted(mesh), CAMERAS)) == 0
    faces = np.asarray(mesh.faces).copy()
    chosen = _random().permutation(len(faces))[: len(faces) // 10]
    faces[chosen] = faces[chosen, ::-1]
    flipped = trimesh.Trimesh(mesh.vertices, faces, process=False)
    share = inside_out(draw_mesh(painted(flipped), CAMERAS))
    assert share == pytest.approx(0.1, abs=0.03)


def test_overlapping_uvs_are_found() -> None:
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


def test_unpainted_faces_are_found() -> None:
    mesh = painted(ball(0.9))
    cloud = flat_gaussians(mesh, scattered(mesh, 4000, np.random.default_rng(0)), _random())
    assert unpainted(mesh, draw_mesh(mesh, CAMERAS), cloud) < 0.001
    bare = replace(mesh, vertex_rgb=np.where(mesh.vertices[:, :1] > 0.5, 0, mesh.vertex_rgb))
    assert unpainted(bare, draw_mesh(bare, CAMERAS), cloud) > 0.1


def test_a_cloud_made_of_a_mesh_looks_like_it() -> None:
    mesh = painted(ball(0.9))
    cloud = flat_gaussians(mesh, evenly_spread(mesh, 16_000, _random()), _random())
    assert len(cloud) > 15_000
    pictures = draw_mesh(mesh, CAMERAS, samples=3).colors
    assert psnr(rasterize(cloud, CAMERAS, eps2d=1 / 12).colors, pictures) > 21
    assert psnr(np.ones_like(pictures), pictures) < 12


def test_textures_are_looked_up_the_right_way_up() -> None:
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
    picture = draw_mesh(painted(square), front, background=0).colors[0]
    assert (picture[30:34, 20, 0] > picture[30:34, 44, 0] + 0.3).all()
    assert (picture[20, 30:34, 1] > picture[44, 30:34, 1] + 0.3).all()


def _random() -> np.random.Generator:
    return np.random.default_rng(0)
