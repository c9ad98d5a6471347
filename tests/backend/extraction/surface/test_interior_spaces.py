"""Walls with two sides stay where nobody sees between them; single skins become as asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.protocol import ExtractionOptions, Interior
from splatsmith.extraction.surface.reconstruction import reconstruct_surface
from splatsmith.extraction.views.rendered_views import NormalizedCloud
from splatsmith.progress import silent
from tests.backend.extraction.flat_clouds import flat_gaussians

COARSE = ExtractionOptions(face_budget=8_000, resolution=80)
OUTSIDE = [(0, -1), (0.55, -1), (0.55, 0.3), (0.3, 0.6), (0.3, 1)]
INSIDE = [(0.15, 1), (0.15, 0.55), (0.4, 0.25), (0.4, -0.85), (0, -0.85)]


def revolved(profile: Sequence[tuple[float, float]], count: int) -> GaussianCloud:
    """Flat Gaussians on the surface that radii and heights [K, 2] make, turned about Y."""
    points = np.array(profile, np.float64)
    steps = np.diff(points, axis=0)
    fine = np.linspace(0, len(steps), 4000, endpoint=False)
    part = fine.astype(int)
    at = points[part] + (fine - part)[:, None] * steps[part]
    areas = np.cumsum(at[:, 0] * np.hypot(*steps[part].T))
    chosen = np.searchsorted(areas, (np.arange(count) + 0.5) / count * areas[-1])
    turn = np.arange(count) * np.pi * (3 - 5**0.5)
    across, up = steps[part[chosen]].T / np.hypot(*steps[part[chosen]].T)
    spin = np.stack([np.cos(turn), np.sin(turn)])
    means = np.stack([at[chosen, 0] * spin[0], at[chosen, 1], at[chosen, 0] * spin[1]], axis=1)
    normals = np.stack([up * spin[0], -across, up * spin[1]], axis=1)
    spacing = np.sqrt(2 * np.pi * areas[-1] * len(steps) / 4000 / count)
    return flat_gaussians(means, normals, 0.75 * float(spacing))


def volume_of(profile: Sequence[tuple[float, float]]) -> float:
    """Of the solid that a profile from axis to axis makes."""
    (r0, y0), (r1, y1) = np.array(profile[:-1]).T, np.array(profile[1:]).T
    return float(np.pi / 3 * ((r0 * r0 + r0 * r1 + r1 * r1) * (y1 - y0)).sum())


def mesh_of(cloud: GaussianCloud, options: ExtractionOptions = COARSE) -> trimesh.Trimesh:
    subject = NormalizedCloud.from_cloud(cloud)
    surface, _ = reconstruct_surface(subject, options, silent(), "cpu")
    vertices = surface.vertices * subject.sphere.radius + subject.sphere.center
    mesh = trimesh.Trimesh(vertices, surface.faces, process=False)
    _, counts = np.unique(mesh.edges_sorted, axis=0, return_counts=True)
    assert set(counts.tolist()) == {2}
    assert mesh.body_count == 1
    return mesh


def test_the_walls_of_a_bottle_stay() -> None:
    bottle = [*OUTSIDE, *INSIDE]
    mesh = mesh_of(revolved(bottle, 9000))
    assert mesh.volume == pytest.approx(volume_of(bottle), rel=0.1)


@pytest.fixture(scope="module")
def skin() -> GaussianCloud:
    return revolved(OUTSIDE, 6000)


def test_a_skin_becomes_solid_as_asked(skin: GaussianCloud) -> None:
    mesh = mesh_of(skin, replace(COARSE, interior=Interior.SOLID))
    assert mesh.volume == pytest.approx(volume_of([*OUTSIDE, (0, 1)]), rel=0.1)


def test_a_skin_becomes_a_shell_as_asked(skin: GaussianCloud) -> None:
    mesh = mesh_of(skin, replace(COARSE, interior=Interior.SHELL))
    assert mesh.volume == pytest.approx(mesh.area / 2 * 2 / 80, rel=0.5)
