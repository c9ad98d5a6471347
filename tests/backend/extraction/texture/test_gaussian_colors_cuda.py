"""Colours by torch, on the CPU and on a GPU, against those by numba."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.extraction.atlas.unwrap import unwrap
from splatsmith.extraction.surface.triangle_surface import Surface
from splatsmith.extraction.texture import ray_colors_cuda, view_colors_cuda
from splatsmith.extraction.texture.baking import bake_texture
from splatsmith.extraction.texture.color_field import ColorField
from splatsmith.extraction.texture.gaussian_colors import ColorSamples, GaussianColors
from splatsmith.extraction.texture.gaussian_colors_cuda import GaussianColorsCuda
from splatsmith.extraction.views.rendered_views import (
    NormalizedCloud,
    fibonacci_cameras,
    render_views,
)
from splatsmith.progress import silent
from tests.backend.devices import DEVICES
from tests.backend.extraction.sample_surfaces import sphere
from tests.backend.gaussians.clouds import random_cloud, shell


def coloring_of(cloud: GaussianCloud) -> tuple[Surface, GaussianColors]:
    subject = NormalizedCloud.of(cloud)
    views = render_views(subject, fibonacci_cameras(12, 96), "cpu", silent())
    ball = sphere(4)
    surface = Surface(0.9 * ball.vertices / np.float32(subject.sphere.radius), ball.faces)
    return surface, GaussianColors(ColorField.of(subject.cloud, surface), views)


def both_answers(
    surface: Surface, coloring: GaussianColors, device: str
) -> tuple[ColorSamples, ColorSamples]:
    points, normals = surface.vertices, sphere(4).vertices
    both = np.arange(len(points)) % 2 == 0
    on_device = GaussianColorsCuda.on(device, coloring.field, coloring.views)
    return coloring.at(points, normals, both), on_device.at(points, normals, both)


def assert_alike(plain: ColorSamples, other: ColorSamples) -> None:
    for name in ("sharp", "seen", "known"):
        expected, found = getattr(plain, name), getattr(other, name)
        assert found.dtype == np.uint8
        assert (np.abs(found.astype(int) - expected) > 1).mean() < 2e-3


CLOUDS = {
    "ball": shell(20_000, 0.9),
    "sparse ball": shell(200, 0.9, opacity=0.7),
    "fog": random_cloud(2000, seed=1),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CLOUDS)
def test_answers_are_those_of_the_cpu(name: str, device: str) -> None:
    plain, other = both_answers(*coloring_of(CLOUDS[name]), device)
    assert plain.known.any()
    assert_alike(plain, other)


@pytest.mark.parametrize("device", DEVICES)
def test_little_memory_changes_nothing(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    surface, coloring = coloring_of(CLOUDS["ball"])
    _, whole = both_answers(surface, coloring, device)
    for module in (ray_colors_cuda, view_colors_cuda):
        monkeypatch.setattr(module, "_MOST_PAIRS", 5000)
    monkeypatch.setattr(ray_colors_cuda, "_MOST_ENTRIES", 500)
    _, parts = both_answers(surface, coloring, device)
    np.testing.assert_array_equal(parts.known, whole.known)
    assert_alike(whole, parts)


@pytest.mark.parametrize("device", DEVICES)
def test_nobody_knows_of_an_empty_cloud(device: str) -> None:
    surface, coloring = coloring_of(CLOUDS["ball"])
    nobody = shell(4).select(np.zeros(4, np.bool_))
    blind = replace(coloring.views.rendering, alphas=0 * coloring.views.rendering.alphas)
    views = replace(coloring.views, rendering=blind)
    nothing = GaussianColorsCuda.on(device, ColorField.of(nobody, surface), views)
    for points in (surface.vertices, surface.vertices[:0]):
        assert not nothing.at(points, points, np.ones(len(points), np.bool_)).known.any()


@pytest.mark.parametrize("device", DEVICES)
def test_textures_are_those_of_the_cpu(device: str) -> None:
    surface, coloring = coloring_of(CLOUDS["ball"])
    atlas = unwrap(surface, silent())
    on_device = GaussianColorsCuda.on(device, coloring.field, coloring.views)
    plain, other = (bake_texture(atlas, each, 256, silent()) for each in (coloring, on_device))
    assert (np.abs(plain.astype(int) - other) > 1).mean() < 2e-3
