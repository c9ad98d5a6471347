"""A trained triplane as density field: grid, mesh, splats and rendering."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from splatsmith.contract.problems import InvalidRequest
from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.engines.ln3diff.triplane import SURFACE_LEVEL, Triplane
from splatsmith.engines.ln3diff.triplane_field import triplane_field
from splatsmith.extraction.mesh import extract_mesh
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.progress import silent
from splatsmith.representations.density_field import DensityField
from splatsmith.representations.field_rendering import render_field
from splatsmith.representations.field_volume import sample_field
from tests.backend.devices import DEVICES
from tests.backend.representations.mesh_samples import is_watertight, sample_mesh

from .trained_triplanes import CASES_LEVEL, cases_triplane, trained_triplane

RESOLUTION = 64


@cache
def taxi() -> DensityField:
    return DensityField(triplane_field(trained_triplane("taxi")), RESOLUTION)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("trained", [False, True])
def test_the_grid_has_the_densities_of_its_points(device: str, trained: bool) -> None:
    triplane = trained_triplane("taxi", device) if trained else cases_triplane(device)
    field = triplane_field(triplane)
    axes = [
        np.linspace(-0.45, 0.45, 24).astype(np.float32),
        np.linspace(-0.4, 0.45, 16).astype(np.float32),
        np.linspace(-0.45, 0.3, 32).astype(np.float32),
    ]
    blocks = torch.cartesian_prod(torch.arange(3), torch.arange(2), torch.arange(4)).to(device)
    grid = field.grid_densities(*axes)
    pointwise = replace(field, on_grid=None).grid_densities(*axes).densities(blocks)
    limit = 1e-4 * pointwise.abs().max().item()
    assert (grid.densities(blocks) - pointwise).abs().max() < limit
    lower, upper = grid.ranges(blocks)
    assert (lower <= pointwise.flatten(1).amin(1)).all()
    assert (upper >= pointwise.flatten(1).amax(1)).all()


def test_skipped_blocks_change_nothing_of_the_surface() -> None:
    field = taxi().function
    volume = sample_field(field, 64, silent())
    plain = sample_field(replace(field, on_grid=None), 64, silent())
    assert np.array_equal(volume.index, plain.index)
    np.testing.assert_allclose(volume.values, plain.values, atol=1e-3)


def test_the_mesh_is_closed_within_its_budget_and_has_the_fields_colors() -> None:
    options = ExtractionOptions(face_budget=4_000, texture_size=512)
    mesh = extract_mesh(taxi(), options, silent(), "cpu")
    assert 2_000 < len(mesh.faces) <= 4_000
    assert is_watertight(mesh)
    samples = sample_mesh(mesh, 5_000)
    errors = np.abs(samples.colors - taxi().function.colors(samples.positions))
    assert errors.mean() < 4 / 255
    assert mesh.extents[1] == pytest.approx(0.5, abs=0.1)  # as high as a taxi is


@pytest.mark.parametrize("name", ["cases", "taxi"])
def test_splats_look_as_the_volume_rendering(name: str) -> None:
    field = taxi()
    if name == "cases":
        field = DensityField(triplane_field(cases_triplane(), CASES_LEVEL), 32)
    cloud = field.gaussians(silent(), "cpu")
    cameras = orbit_cameras([20], 15, 2.0, 32, 128)
    marched = render_field(field.function, cameras, silent())
    truth = marched.over(torch.ones(3)).reshape(1, 128, 128, 3).numpy()
    error = ((rasterize(cloud, cameras).colors.clip(0, 1) - truth) ** 2).mean()
    assert -10 * np.log10(error) > 27


@pytest.mark.parametrize(
    ("level", "how"), [(SURFACE_LEVEL, "nowhere reaches"), (-50.0, "everywhere exceeds")]
)
def test_a_level_without_a_surface_is_refused_with_one_that_would_do(
    level: float, how: str
) -> None:
    with pytest.raises(InvalidRequest, match=how) as refused:
        DensityField(triplane_field(cases_triplane(), level), 32).gaussians(silent(), "cpu")
    would_do = float(str(refused.value.remedy).split()[3])
    field = DensityField(triplane_field(cases_triplane(), would_do), 32)
    assert len(field.gaussians(silent(), "cpu"))


@pytest.mark.parametrize("resolution", [2_000, 31])
def test_a_resolution_out_of_range_is_refused(resolution: int) -> None:
    with pytest.raises(InvalidRequest, match=f"{resolution:,}"):
        DensityField(triplane_field(cases_triplane()), resolution)


def test_the_front_of_the_network_is_the_assets() -> None:
    """Its -Y is the asset's +Z, its Z the asset's Y."""
    planes = torch.zeros(3, 32, 16, 16)
    planes[0, :, 2, :] = 3.0  # in the XY plane, at low Y
    field = triplane_field(Triplane(planes, cases_triplane().mlp))
    ahead, behind = field.densities(np.array([[0, 0, 0.3], [0, 0, -0.3]], np.float32))
    empty = triplane_field(Triplane(0 * planes, cases_triplane().mlp))
    assert behind == empty.densities(np.zeros((1, 3), np.float32))[0]
    assert ahead != behind
