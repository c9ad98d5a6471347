"""The shaders on a GPU or Mesa's software one, where Blender's module can use it: from 5.1 on."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace

import gpu
import numpy as np
import pytest
from gpu.types import Buffer, GPUTexture

from blender_addon.viewport.packing import Instance, SplatArrays, View
from blender_addon.viewport.splat_cache import CachedSplats
from blender_addon.viewport.viewport_image import Contents, UploadedSplats, ViewportImage

from .reference import draw_reference

COLOR_STEPS = 4 / 255  # largest difference: half floats, and a few pixels at the cutoff
MODEL = np.array([[0.9, 0.3, 0, 0.1], [-0.2, 1.4, 0.1, 0], [0, 0.2, -0.6, 0.2], [0, 0, 0, 1.0]])

Splats = Callable[..., SplatArrays]


@pytest.fixture(scope="module", autouse=True)
def graphics() -> None:
    if not hasattr(gpu, "init"):
        pytest.skip("this Blender's module has no GPU")
    try:
        gpu.init()
    except SystemError as error:
        pytest.skip(f"no GPU, not even a software one: {error}")


def test_splats_look_as_their_formula_says(splats: Splats, view: View) -> None:
    _compare(splats(300), Instance(0, np.eye(4)), view)


def test_objects_may_be_sheared_and_mirrored(splats: Splats, view: View) -> None:
    _compare(splats(300), Instance(0, MODEL, opacity=0.7, size=1.3), view)


def test_colors_are_adjusted(splats: Splats, view: View) -> None:
    color_map = np.array([[0.5, 0.1, 0, 0.2], [0, 1.2, 0, -0.1], [0.2, 0, 0.7, 0.0]])
    _compare(splats(300), Instance(0, np.eye(4), color_map=color_map), view)


def test_orthographic_views_have_no_perspective(splats: Splats, view: View) -> None:
    flat = np.array([[0.5, 0, 0, 0.1], [0, 0.6, 0, -0.2], [0, 0, -0.01, -1], [0, 0, 0, 1.0]])
    _compare(splats(300), Instance(0, MODEL), replace(view, projection=flat))


def test_splats_behind_the_scenes_depth_are_hidden(splats: Splats, view: View) -> None:
    part, instance = splats(300), Instance(0, np.eye(4))
    points = np.concatenate([part.positions.T, np.ones((300, 1))], axis=1)
    clip = points @ (view.projection @ view.view).T
    depths = 0.5 + 0.5 * clip[:, 2] / clip[:, 3]
    wall = float(np.sort(depths)[149:151].mean())
    scene = np.full(view.width * view.height, wall, np.float32)
    size = view.width, view.height
    texture = GPUTexture(size, format="R32F", data=Buffer("FLOAT", scene.size, scene))
    seen = _only(part, depths < wall)
    assert len(seen) == 150
    np.testing.assert_allclose(
        _draw(part, instance, view, texture), draw_reference(seen, instance, view), atol=COLOR_STEPS
    )


def test_splats_outside_the_clipping_region_are_hidden(splats: Splats, view: View) -> None:
    part, instance = splats(300), Instance(0, np.eye(4))
    clipped = replace(view, clip_planes=((1.0, 0, 0, 0.2), (0, 0, -1.0, 0.3)))
    x, _, z = part.positions
    seen = _only(part, (x > -0.2) & (z < 0.3))
    assert 0 < len(seen) < 300
    _compare(part, instance, clipped, draw_reference(seen, instance, view))


def test_instances_and_datablocks_are_drawn_together(splats: Splats, view: View) -> None:
    parts = [splats(3), splats(150)]
    moved = np.eye(4)
    moved[1, 3] = 0.4
    positions = [parts[1].positions, parts[1].positions + moved[:3, 3:].astype(np.float32)]
    both = SplatArrays(
        np.concatenate(positions, axis=1),
        np.tile(parts[1].rotations, (2, 1)),
        np.tile(parts[1].scales, (2, 1)),
        np.tile(parts[1].base, (2, 1)),
        (),
    )
    uploaded = UploadedSplats([CachedSplats(i, 1, part) for i, part in enumerate(parts)])
    contents = Contents(uploaded, (Instance(1, np.eye(4)), Instance(1, moved)), True)
    expected = draw_reference(both, Instance(0, np.eye(4)), view)
    np.testing.assert_allclose(_picture(contents, view), expected, atol=COLOR_STEPS)


def test_order_of_an_earlier_view_is_used_until_the_new_one_is_found(
    splats: Splats, view: View
) -> None:
    part = splats(50)
    uploaded = UploadedSplats([CachedSplats(1, 1, part)])
    contents, image = Contents(uploaded, (Instance(0, np.eye(4)),), True), ViewportImage()
    image.draw(contents, view, None)
    image.wait()
    assert image.draw(contents, view, None) is not None
    assert not image.is_busy
    turned = replace(view, view=view.view @ np.diag([-1.0, -1, 1, 1]))
    assert image.draw(contents, turned, None) is not None
    image.wait()
    found = image.draw(contents, turned, None).color.read()
    assert not image.is_busy
    expected = draw_reference(part, Instance(0, np.eye(4)), turned)
    drawn = np.asarray(found, np.float32).reshape(view.height, view.width, 4)
    np.testing.assert_allclose(drawn, expected, atol=COLOR_STEPS)


def test_a_changed_opacity_is_drawn(splats: Splats, view: View) -> None:
    uploaded, image = UploadedSplats([CachedSplats(1, 1, splats(50))]), ViewportImage()
    alphas = []
    for opacity in (1.0, 0.5):
        contents = Contents(uploaded, (Instance(0, np.eye(4), opacity=opacity),), True)
        image.draw(contents, view, None)
        image.wait()
        picture = image.draw(contents, view, None)
        alphas.append(np.asarray(picture.color.read(), np.float32).reshape(-1, 4)[:, 3].sum())
    assert alphas[1] < 0.8 * alphas[0]


def test_textures_live_as_long_as_a_region_shows_them(splats: Splats, view: View) -> None:
    uploaded, image = UploadedSplats([CachedSplats(1, 1, splats(50))]), ViewportImage()
    kept = weakref.ref(uploaded)
    image.draw(Contents(uploaded, (Instance(0, np.eye(4)),), True), view, None)
    image.wait()
    del uploaded
    assert kept() is not None
    del image
    assert kept() is None


def _compare(
    part: SplatArrays, instance: Instance, view: View, expected: np.ndarray | None = None
) -> None:
    if expected is None:
        expected = draw_reference(part, instance, view)
    assert expected[..., 3].max() > 0.9
    np.testing.assert_allclose(_draw(part, instance, view), expected, atol=COLOR_STEPS)


def _draw(
    part: SplatArrays, instance: Instance, view: View, depth: GPUTexture | None = None
) -> np.ndarray:
    uploaded = UploadedSplats([CachedSplats(1, 1, part)])
    return _picture(Contents(uploaded, (instance,), True), view, depth)


def _picture(contents: Contents, view: View, depth: GPUTexture | None = None) -> np.ndarray:
    """[H, W, 4], after sorting."""
    image = ViewportImage()
    image.draw(contents, view, depth)
    image.wait()
    picture = image.draw(contents, view, depth)
    pixels = np.asarray(picture.color.read(), np.float32)
    return pixels.reshape(view.height, view.width, 4)


def _only(part: SplatArrays, mask: np.ndarray) -> SplatArrays:
    return SplatArrays(
        part.positions[:, mask], part.rotations[mask], part.scales[mask], part.base[mask], ()
    )
