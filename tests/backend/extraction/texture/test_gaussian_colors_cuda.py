"""Surface colours in torch, on the CPU and on a GPU, against those in numba."""

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
from splatsmith.extraction.texture.color_samples import ColorSamples
from splatsmith.extraction.texture.gaussian_colors import GaussianColors
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


def colors_of(cloud: GaussianCloud) -> tuple[Surface, GaussianColors]:
    subject = NormalizedCloud.from_cloud(cloud)
    views = render_views(subject, fibonacci_cameras(12, 96), "cpu", silent())
    ball = sphere(4)
    surface = Surface(0.9 * ball.vertices / np.float32(subject.sphere.radius), ball.faces)
    return surface, GaussianColors(ColorField.from_cloud(subject.cloud, surface), views)


def both_samples(
    surface: Surface, colors: GaussianColors, device: str
) -> tuple[ColorSamples, ColorSamples]:
    points, normals = surface.vertices, sphere(4).vertices
    base_wanted = np.arange(len(points)) % 2 == 0
    on_device = GaussianColorsCuda.on_device(device, colors.field, colors.views)
    return colors.at(points, normals, base_wanted), on_device.at(points, normals, base_wanted)


def assert_alike(plain: ColorSamples, other: ColorSamples) -> None:
    for name in ("detail", "base", "known"):
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
def test_samples_equal_those_of_the_cpu(name: str, device: str) -> None:
    plain, other = both_samples(*colors_of(CLOUDS[name]), device)
    assert plain.known.any()
    assert_alike(plain, other)


@pytest.mark.parametrize("device", DEVICES)
def test_batch_sizes_do_not_matter(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    surface, colors = colors_of(CLOUDS["ball"])
    _, whole = both_samples(surface, colors, device)
    for module in (ray_colors_cuda, view_colors_cuda):
        monkeypatch.setattr(module, "_MOST_PAIRS", 5000)
    monkeypatch.setattr(ray_colors_cuda, "_MOST_ENTRIES", 500)
    _, parts = both_samples(surface, colors, device)
    np.testing.assert_array_equal(parts.known, whole.known)
    assert_alike(whole, parts)


@pytest.mark.parametrize("device", DEVICES)
def test_an_empty_cloud_has_no_known_colours(device: str) -> None:
    surface, colors = colors_of(CLOUDS["ball"])
    empty = shell(4).select(np.zeros(4, np.bool_))
    invisible = replace(colors.views.rendering, alphas=0 * colors.views.rendering.alphas)
    views = replace(colors.views, rendering=invisible)
    empty_colors = GaussianColorsCuda.on_device(
        device, ColorField.from_cloud(empty, surface), views
    )
    for points in (surface.vertices, surface.vertices[:0]):
        assert not empty_colors.at(points, points, np.ones(len(points), np.bool_)).known.any()


@pytest.mark.parametrize("device", DEVICES)
def test_textures_equal_those_of_the_cpu(device: str) -> None:
    surface, colors = colors_of(CLOUDS["ball"])
    atlas = unwrap(surface, silent())
    on_device = GaussianColorsCuda.on_device(device, colors.field, colors.views)
    plain, other = (bake_texture(atlas, each, 256, silent()) for each in (colors, on_device))
    assert (np.abs(plain.astype(int) - other) > 1).mean() < 2e-3
