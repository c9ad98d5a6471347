from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import SH_C0, GaussianCloud
from blender_addon.scene.appearance import (
    ELLIPSOIDS_IN_VIEWPORT,
    POINTS_IN_VIEWPORT,
    TRANSPARENT_BOUNCES,
    find_splat_modifier,
    hide_in_viewport,
    raise_transparent_bounces,
    show_splats,
)
from blender_addon.scene.node_inputs import set_modifier_input
from blender_addon.scene.splats import IS_NATIVE, add_splats

Balls = Callable[..., GaussianCloud]
RenderFrontView = Callable[[tuple[float, float, float]], np.ndarray]

COLOR = np.array([0.8, 0.4, 0.1])  # sRGB
LINEAR = ((COLOR + 0.055) / 1.055) ** 2.4
OPACITY, RADIUS = 0.9, 0.5

pytestmark = pytest.mark.skipif(IS_NATIVE, reason="this Blender draws splats itself")


@pytest.fixture
def one_splat(balls: Balls) -> GaussianCloud:
    sh0 = ((COLOR - 0.5) / SH_C0).astype(np.float32)[None]
    return replace(balls((0, 0, 0, RADIUS), opacity=OPACITY), sh0=sh0)


def pixel_centers() -> np.ndarray:
    """Metres from the middle of the render_front_view, [64]."""
    return (np.arange(64) + 0.5) / 16 - 2


def test_one_splat_is_a_gaussian_in_its_colour(
    scene: bpy.types.Scene, one_splat: GaussianCloud, render_front_view: RenderFrontView
) -> None:
    add_splats(one_splat, "one", scene.collection)
    row = render_front_view((0, 0, 0))[32]
    away = np.hypot(pixel_centers(), 1 / 32)
    alpha = OPACITY * np.exp(-0.5 * (away / RADIUS) ** 2)
    np.testing.assert_allclose(row[:, 3], alpha, atol=0.02)
    np.testing.assert_allclose(row[:, :3], alpha[:, None] * LINEAR, atol=0.02)


def test_an_anisotropic_splat_lies_along_its_rotated_axis(
    scene: bpy.types.Scene, one_splat: GaussianCloud, render_front_view: RenderFrontView
) -> None:
    eighth = np.pi / 8
    long = replace(
        one_splat,
        scales=np.array([[0.6, 0.1, 0.1]], np.float32),
        quats=np.array([[np.cos(eighth), 0, 0, np.sin(eighth)]], np.float32),  # 45 degrees
    )
    add_splats(long, "long", scene.collection)
    alpha = render_front_view((0, 0, 0))[:, :, 3]
    assert alpha[42, 42] > 0.2  # up and to the right, as seen from the front
    assert alpha[42, 21] < 0.02


def test_splats_in_front_cover_those_behind(
    scene: bpy.types.Scene, one_splat: GaussianCloud, render_front_view: RenderFrontView
) -> None:
    behind = replace(
        one_splat,
        means=np.array([[0, 0, -3]], np.float32),
        sh0=np.full((1, 3), 0.5 / SH_C0, np.float32),
        opacities=np.ones(1, np.float32),
    )
    add_splats(one_splat, "front", scene.collection)
    add_splats(behind, "behind", scene.collection)
    middle = render_front_view((0, 0, 0))[32, 32]
    np.testing.assert_allclose(middle[:3], 0.9 * LINEAR + 0.1, atol=0.03)


def test_opacity_and_size_are_inputs_of_the_modifier(
    scene: bpy.types.Scene, one_splat: GaussianCloud, render_front_view: RenderFrontView
) -> None:
    obj = add_splats(one_splat, "one", scene.collection)
    set_modifier_input(obj.modifiers[0], "Opacity", 0.5)
    set_modifier_input(obj.modifiers[0], "Size", 0.5)
    alpha = render_front_view((0, 0, 0))[32, :, 3]
    away = np.hypot(pixel_centers(), 1 / 32)
    np.testing.assert_allclose(alpha, 0.45 * np.exp(-0.5 * (away / 0.25) ** 2), atol=0.02)


def test_splat_drawn_as_point_is_an_opaque_sphere(
    scene: bpy.types.Scene, one_splat: GaussianCloud, render_front_view: RenderFrontView
) -> None:
    obj = add_splats(one_splat, "one", scene.collection)
    set_modifier_input(obj.modifiers[0], "Points in Render", True)
    picture = render_front_view((0, 0, 0))
    np.testing.assert_allclose(picture[32, 32], [*LINEAR, 1], atol=0.01)
    assert picture[:, :, 3].mean() * 16 == pytest.approx(np.pi * RADIUS**2, rel=0.05)


def ellipsoids_in_viewport(obj: bpy.types.Object) -> int:
    """How many ellipsoids the evaluated object is made of."""
    instances = bpy.context.evaluated_depsgraph_get().object_instances
    mine = (i for i in instances if i.is_instance and i.parent.original == obj)
    return sum(instance.object.type == "MESH" for instance in mine)


def test_small_clouds_are_ellipsoids_in_the_viewport_and_large_ones_points(
    scene: bpy.types.Scene, balls: Balls
) -> None:
    obj = add_splats(balls(*[(i, 0, 0, 0.1) for i in range(50)]), "fifty", scene.collection)
    assert ellipsoids_in_viewport(obj) == 50
    obj.modifiers.clear()
    show_splats(obj, ELLIPSOIDS_IN_VIEWPORT + 1)
    assert ellipsoids_in_viewport(obj) == 0


def test_the_faintest_splats_are_not_drawn(scene: bpy.types.Scene, balls: Balls) -> None:
    obj = add_splats(balls((0, 0, 0, 1), opacity=0.003), "haze", scene.collection)
    assert ellipsoids_in_viewport(obj) == 0


def test_very_large_clouds_are_subsampled_in_the_viewport(
    scene: bpy.types.Scene, balls: Balls
) -> None:
    obj = add_splats(balls(*[(i, 0, 0, 0.1) for i in range(1000)]), "many", scene.collection)
    obj.modifiers.clear()
    show_splats(obj, 4 * POINTS_IN_VIEWPORT)
    set_modifier_input(obj.modifiers[0], "Points in Viewport", False)
    assert 200 < ellipsoids_in_viewport(obj) < 300


def test_transparent_bounces_are_raised_and_never_lowered(scene: bpy.types.Scene) -> None:
    raise_transparent_bounces(scene)
    assert scene.cycles.transparent_max_bounces == TRANSPARENT_BOUNCES
    scene.cycles.transparent_max_bounces = 2 * TRANSPARENT_BOUNCES
    raise_transparent_bounces(scene)
    assert scene.cycles.transparent_max_bounces == 2 * TRANSPARENT_BOUNCES


def test_splats_hidden_in_viewports_are_rendered(
    scene: bpy.types.Scene, balls: Balls, render_front_view: RenderFrontView
) -> None:
    obj = add_splats(balls((0, 0, 0, RADIUS)), "ball", scene.collection)
    hide_in_viewport(find_splat_modifier(obj), True)
    assert render_front_view((0, 0, 0))[32, 32, 3] > 0.95
