"""A metaball field as splats, points and mesh, measured against the field itself.

Distances are in voxels of the field's own resolution.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from trimesh.visual.color import ColorVisuals

from splatsmith.contract.bounds import Box
from splatsmith.contract.problems import InvalidRequest
from splatsmith.contract.protocol import Closure, ExtractionOptions
from splatsmith.errors import Cancelled
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.extraction.points import extract_points
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.progress import Progress, silent
from splatsmith.representations.density_field import DensityField
from splatsmith.representations.field_function import FieldFunction

from .mesh_samples import is_watertight, sample_mesh
from .subjects import (
    HALF,
    LEVEL,
    ball_function,
    metaball_color,
    metaball_distances,
    metaball_function,
    metaball_normals,
    metaballs,
    render_metaballs,
)

RESOLUTION = 128
VOXEL = 2 * HALF / (RESOLUTION - 1)


@cache
def field() -> DensityField:
    """Sampled once for all tests."""
    return DensityField(metaball_function(), RESOLUTION)


def options(**changes: object) -> ExtractionOptions:
    return ExtractionOptions(**{"face_budget": 5_000, "texture_size": 1024, **changes})  # pyright: ignore[reportArgumentType]


def test_splats_render_like_the_field() -> None:
    cloud = field().gaussians(silent(), "cpu")
    cameras = orbit_cameras([20, 200], [15, -20], 2.0, 40, 384)
    colors, alphas, depths = render_metaballs(cameras)
    image = rasterize(cloud, cameras)
    error = ((image.colors.clip(0, 1) - colors) ** 2).mean()
    assert -10 * np.log10(error) > 27
    both = (alphas > 0) & (image.alphas > 0.5)
    assert both.sum() / ((alphas > 0) | (image.alphas > 0.5)).sum() > 0.93
    inner = both & (image.alphas > 0.99)
    assert (alphas > 0).sum() < 1.02 * inner.sum()  # no holes
    assert np.abs(image.colors - colors)[inner].mean() < 1.5 / 255
    assert np.median(np.abs(image.depths - depths)[inner]) < 0.5 * VOXEL


def test_splats_lie_evenly_on_the_surface_with_its_colors() -> None:
    cloud = field().gaussians(silent(), "cpu")
    assert metaball_distances(cloud.means).max() < 1e-3 * VOXEL
    assert np.abs(cloud.colors - metaball_color(cloud.means)).max() < 0.01
    assert 20_000 <= len(cloud) <= 25_000
    flat = cloud.scales[:, 2] / cloud.scales[:, 0]
    assert flat.max() < 0.2


def test_points_lie_on_the_surface_with_its_normals_and_colors() -> None:
    cloud = field().gaussians(silent(), "cpu")
    points = extract_points(cloud, options(point_count=4_000), silent(), "cpu")
    points = field().correct_normals(points)
    assert len(points) == 4_000
    distances = metaball_distances(points.positions)
    assert distances.mean() < 0.05 * VOXEL
    assert distances.max() < 0.5 * VOXEL
    cosines = (points.normals * metaball_normals(points.positions)).sum(axis=1)
    assert cosines.min() > 0.999
    errors = np.abs(points.colors / 255 - metaball_color(points.positions))
    assert errors.mean() < 2 / 255


def test_the_unsimplified_surface_is_exact() -> None:
    colored = field().colored_surface(options(face_budget=1_000_000), silent(), "cpu")
    vertices = colored.surface.vertices * colored.sphere.radius + colored.sphere.center
    assert metaball_distances(vertices.astype(np.float32)).max() < 1e-3 * VOXEL


@pytest.mark.parametrize(("face_budget", "mean"), [(20_000, 0.02), (5_000, 0.04), (1_000, 0.15)])
def test_the_mesh_keeps_the_face_budget_and_follows_the_surface(
    face_budget: int, mean: float
) -> None:
    mesh = extract_mesh(field(), options(face_budget=face_budget), silent(), "cpu")
    assert 0.9 * face_budget < len(mesh.faces) <= face_budget
    assert is_watertight(mesh)
    samples = sample_mesh(mesh)
    distances = metaball_distances(samples.positions) / VOXEL
    assert distances.mean() < mean
    assert np.percentile(distances, 99) < 4 * mean
    cosines = (samples.normals * metaball_normals(samples.positions)).sum(axis=1)
    assert cosines.mean() > 0.98


@pytest.mark.parametrize("texture_size", [512, 2048])
def test_the_texture_has_the_fields_colors(texture_size: int) -> None:
    mesh = extract_mesh(field(), options(texture_size=texture_size), silent(), "cpu")
    samples = sample_mesh(mesh)
    assert samples.texture_size == texture_size
    errors = np.abs(samples.colors - metaball_color(samples.positions))
    assert errors.mean() < 1.5 / 255
    assert np.percentile(errors, 99) < 6 / 255


def test_vertex_colors_are_the_fields() -> None:
    mesh = extract_mesh(field(), options(texture_size=0), silent(), "cpu")
    assert isinstance(mesh.visual, ColorVisuals)
    colors = np.asarray(mesh.visual.vertex_colors)[:, :3] / 255
    errors = np.abs(colors - metaball_color(np.asarray(mesh.vertices, np.float32)))
    assert errors.max() < 2 / 255


def test_the_resolution_option_overrides_the_fields_own() -> None:
    coarse = field().colored_surface(options(face_budget=1_000_000, resolution=32), silent(), "cpu")
    fine = field().colored_surface(options(face_budget=1_000_000), silent(), "cpu")
    ratio = len(fine.surface.faces) / len(coarse.surface.faces)
    assert ratio == pytest.approx(((RESOLUTION - 1) / 31) ** 2, rel=0.1)


def test_the_level_decides_where_the_surface_is() -> None:
    for level, radius in ((2.0, 0.312), (18.0, 0.288)):
        ball = DensityField(ball_function(level=level), 64)
        colored = ball.colored_surface(options(face_budget=1_000_000), silent(), "cpu")
        vertices = colored.surface.vertices * colored.sphere.radius + colored.sphere.center
        np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), radius, atol=1e-4)


@pytest.mark.parametrize(
    ("closure", "closed"),
    [(Closure.AUTO, True), (Closure.WATERTIGHT, True), (Closure.OPEN, False)],
)
def test_a_surface_that_leaves_the_bounds_is_closed_there_or_open(
    closure: Closure, closed: bool
) -> None:
    ball = DensityField(ball_function(center=HALF), 64)
    mesh = extract_mesh(ball, options(closure=closure), silent(), "cpu")
    assert is_watertight(mesh) == closed
    assert mesh.bounds[1, 0] == pytest.approx(HALF, abs=2 * HALF / 63)
    assert mesh.bounds[0, 0] == pytest.approx(HALF - 0.3, abs=0.01)


def test_a_scene_part_stays_open_by_itself() -> None:
    ball = DensityField(ball_function(center=HALF), 64, is_open=True)
    assert not is_watertight(extract_mesh(ball, options(), silent(), "cpu"))


def test_hollow_objects_lose_their_inner_shell() -> None:
    outer, inner = ball_function(), ball_function(radius=0.2)

    def evaluate(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        density, color = outer.evaluate(points)
        return density - inner.evaluate(points)[0], color

    hollow = DensityField(FieldFunction(evaluate, outer.bounds, LEVEL, "cpu"), 64)
    mesh = extract_mesh(hollow, options(), silent(), "cpu")
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.3**3, rel=0.02)
    cloud = hollow.gaussians(silent(), "cpu")
    assert np.linalg.norm(cloud.means, axis=1).min() > 0.29


def test_bounds_need_not_be_a_cube() -> None:
    box = Box(np.array([-0.5, -0.3, -0.2], np.float32), np.array([0.2, 0.3, 0.35], np.float32))
    small = FieldFunction(ball_function(radius=0.15).evaluate, box, LEVEL, "cpu")
    mesh = extract_mesh(DensityField(small, 72), options(), silent(), "cpu")
    assert is_watertight(mesh)
    np.testing.assert_allclose(mesh.bounds, [[-0.15] * 3, [0.15] * 3], atol=2e-3)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 0.0])
def test_a_field_that_never_reaches_the_level_is_refused(value: float) -> None:
    nothing = DensityField(ball_function(density=value), 32)
    with pytest.raises(InvalidRequest, match="nowhere reaches"):
        nothing.gaussians(silent(), "cpu")
    with pytest.raises(InvalidRequest, match="nowhere reaches"):
        nothing.colored_surface(options(), silent(), "cpu")


def test_nan_counts_as_outside_and_infinite_density_as_inside() -> None:
    plain = ball_function()

    def evaluate(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        density, color = plain.evaluate(points)
        density = torch.where(points.norm(dim=-1) < 0.2, torch.inf, density)
        return torch.where(points[:, 0] > 0.25, torch.nan, density), color

    broken = DensityField(FieldFunction(evaluate, plain.bounds, LEVEL, "cpu"), 64)
    mesh = extract_mesh(broken, options(), silent(), "cpu")
    assert is_watertight(mesh)
    assert mesh.bounds[1, 0] == pytest.approx(0.25, abs=2 * HALF / 63)
    assert mesh.bounds[0, 0] == pytest.approx(-0.3, abs=2e-3)


def test_the_field_is_evaluated_in_chunks_of_bounded_size_and_sampled_once() -> None:
    sizes: list[int] = []

    def evaluate(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sizes.append(len(points))
        return metaballs(points)

    counted = DensityField(FieldFunction(evaluate, metaball_function().bounds, LEVEL, "cpu"), 96)
    counted.gaussians(silent(), "cpu")
    first = sum(sizes)
    counted.colored_surface(options(), silent(), "cpu")
    assert max(sizes) <= 1 << 17
    assert first > 96**3
    assert sum(sizes) - first < 0.5 * 96**3


def test_sampling_can_be_cancelled() -> None:
    steps: list[float] = []
    progress = Progress(lambda at, _stage: steps.append(at), lambda: len(steps) > 3)
    with pytest.raises(Cancelled):
        DensityField(metaball_function(), 64).gaussians(progress, "cpu")
