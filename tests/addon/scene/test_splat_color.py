"""Colors of splats are adjusted by the formula, in every Blender, and baked by the same one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import SH_C0, GaussianCloud
from blender_addon.contract.harmonics import basis
from blender_addon.contract.problems import InvalidRequest
from blender_addon.scene.color_adjustment import LUMA, ColorAdjustment, srgb_from_linear
from blender_addon.scene.node_inputs import modifier_input, set_modifier_input
from blender_addon.scene.splat_color import (
    ForeignMaterial,
    bake_color_adjustment,
    color_inputs,
    enable_color_adjustment,
    read_color_adjustment,
    set_color_adjustment,
    shares_color_adjustment,
)
from blender_addon.scene.splats import IS_NATIVE, add_splats, read_splats

RandomCloud = Callable[[int, int], GaussianCloud]
RenderPatch = Callable[[], np.ndarray]

COLOR = np.array([0.8, 0.4, 0.2])  # sRGB
OPACITY = 0.6
NEUTRAL = ColorAdjustment()
STRONG = ColorAdjustment(0.1, 0.3, 1.5, (0.9, 0.4, 0.7), 0.5)
native_only = pytest.mark.skipif(not IS_NATIVE, reason="this Blender draws no splats itself")
nodes_only = pytest.mark.skipif(IS_NATIVE, reason="this Blender draws splats itself")


@pytest.fixture
def one(scene: bpy.types.Scene) -> bpy.types.Object:
    """A large splat of one color; not quite round, since Blender 5.3 draws no round ones."""
    quats = np.array([[0.9, 0.2, 0.3, 0.1]]) / np.sqrt(0.95)
    cloud = GaussianCloud(
        means=np.zeros((1, 3), np.float32),
        quats=quats.astype(np.float32),
        scales=np.array([[0.5, 0.6, 0.7]], np.float32),
        opacities=np.full(1, OPACITY, np.float32),
        sh0=((COLOR - 0.5) / SH_C0).astype(np.float32)[None],
        shN=np.zeros((1, 0, 3), np.float32),
    )
    return add_splats(cloud, "one", scene.collection)


@pytest.fixture
def render_middle(scene: bpy.types.Scene, tmp_path: Path) -> RenderPatch:
    """Renders linear, premultiplied RGBA [4] of a small patch around the origin."""
    lens = bpy.data.cameras.new("camera")
    lens.lens = 2_000
    camera = scene.camera = bpy.data.objects.new("camera", lens)
    camera.location, camera.rotation_euler = (0, -20, 0), (np.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    render = scene.render
    render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 512, False
    scene.cycles.use_adaptive_sampling = False
    render.film_transparent = True
    render.resolution_x = render.resolution_y = 4
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_depth = "32"
    render.filepath = str(tmp_path / "patch.exr")

    def take() -> np.ndarray:
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(render.filepath)
        pixels = np.array(image.pixels[:]).reshape(-1, 4)
        bpy.data.images.remove(image)
        return pixels.mean(axis=0)

    return take


def expected(srgb: np.ndarray, adjustment: ColorAdjustment) -> np.ndarray:
    """The formula, written out: sRGB [..., 3] after the adjustment."""
    tinted = srgb * srgb_from_linear(np.array(adjustment.tint))
    gray = (tinted * LUMA).sum(axis=-1, keepdims=True)
    saturated = gray + adjustment.saturation * (tinted - gray)
    return (1 + adjustment.contrast) * (saturated - 0.5) + 0.5 + adjustment.brightness


def linear(srgb: np.ndarray) -> np.ndarray:
    srgb = np.maximum(srgb, 0)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def test_renders_follow_the_formula_before_and_after_the_bake(
    one: bpy.types.Object, render_middle: RenderPatch
) -> None:
    plain = render_middle()
    np.testing.assert_allclose(plain[:3] / plain[3], linear(COLOR), atol=1e-4)
    set_color_adjustment(one, NEUTRAL)
    np.testing.assert_allclose(render_middle(), plain, atol=1e-6)
    for adjustment in (
        STRONG,
        ColorAdjustment(brightness=-0.3, opacity=1.5),
        ColorAdjustment(contrast=-1.0, saturation=0.0),
    ):
        set_color_adjustment(one, adjustment)
        assert read_color_adjustment(one).brightness == pytest.approx(adjustment.brightness)
        adjusted = render_middle()
        color = linear(expected(COLOR, adjustment))
        np.testing.assert_allclose(adjusted[:3] / adjusted[3], color, atol=1e-4)
        # Native splats are sampled, so that the opacity is noisy.
        assert adjusted[3] == pytest.approx(plain[3] * adjustment.opacity, abs=0.02)
    set_color_adjustment(one, STRONG)
    adjusted = render_middle()
    bake_color_adjustment([one])
    assert read_color_adjustment(one) == NEUTRAL
    np.testing.assert_allclose(render_middle(), adjusted, atol=1e-5)


def test_bake_is_exact_in_every_direction(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    cloud = random_cloud(40, 3)
    obj = add_splats(cloud, "s", scene.collection)
    set_color_adjustment(obj, STRONG)
    bake_color_adjustment([obj])
    baked = read_splats(obj)
    random = np.random.default_rng(2).normal(size=(9, 3))
    directions = (random / np.linalg.norm(random, axis=1, keepdims=True)).astype(np.float32)
    wanted = expected(colors_seen_from(cloud, directions), STRONG)
    np.testing.assert_allclose(colors_seen_from(baked, directions), wanted, atol=2e-5)
    np.testing.assert_allclose(baked.opacities, 0.5 * cloud.opacities, rtol=1e-6)
    for name in ("means", "quats", "scales"):
        np.testing.assert_allclose(getattr(baked, name), getattr(cloud, name), atol=1e-6)


def colors_seen_from(cloud: GaussianCloud, directions: np.ndarray) -> np.ndarray:
    """sRGB [N, M, 3], not clipped."""
    values = basis(directions, cloud.degree)[:, 1:]
    constant = 0.5 + SH_C0 * cloud.sh0.astype(np.float64)
    return constant[:, None] + np.einsum("mk,nkc->nmc", values, cloud.shN)


def test_baked_opacities_end_at_one(one: bpy.types.Object) -> None:
    set_color_adjustment(one, ColorAdjustment(opacity=5.0))
    before = read_splats(one).sh0
    bake_color_adjustment([one])
    assert read_splats(one).opacities.tolist() == [1.0]
    np.testing.assert_array_equal(read_splats(one).sh0, before)


def test_inputs_are_named_and_of_the_object_alone(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    first, second = (add_splats(random_cloud(9, 0), n, scene.collection) for n in ("a", "b"))
    enable_color_adjustment([first, second])
    names = [each.name for each in color_inputs(first)]
    assert names == ["Brightness", "Contrast", "Saturation", "Tint", "Opacity"]
    set_color_adjustment(first, STRONG)
    assert read_color_adjustment(second) == NEUTRAL
    bake_color_adjustment([first])
    np.testing.assert_allclose(read_splats(second).sh0, random_cloud(9, 0).sh0)


def test_copies_of_an_object_get_inputs_of_their_own(one: bpy.types.Object) -> None:
    set_color_adjustment(one, STRONG)
    copy = one.copy()
    copy.data = one.data.copy()
    bpy.context.scene.collection.objects.link(copy)
    assert shares_color_adjustment(copy) == IS_NATIVE
    set_color_adjustment(copy, ColorAdjustment(contrast=0.5))
    assert not shares_color_adjustment(copy)
    assert read_color_adjustment(one).contrast == pytest.approx(STRONG.contrast)
    bake_color_adjustment([copy])
    assert read_color_adjustment(one).contrast == pytest.approx(STRONG.contrast)


def test_linked_data_of_other_objects_is_not_baked(one: bpy.types.Object) -> None:
    other = one.copy()
    bpy.context.scene.collection.objects.link(other)
    set_color_adjustment(one, STRONG)
    before = read_splats(other).sh0
    bake_color_adjustment([one])
    np.testing.assert_array_equal(read_splats(other).sh0, before)
    assert not np.allclose(read_splats(one).sh0, before)


def test_bake_is_undone_and_redone_exactly(one: bpy.types.Object) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    set_color_adjustment(one, STRONG)
    before = read_splats(one)
    bpy.ops.ed.undo_push(message="before")
    bake_color_adjustment([one])
    after = read_splats(one)
    bpy.ops.ed.undo_push(message="bake")
    bpy.ops.ed.undo()
    back = bpy.data.objects["one"]
    np.testing.assert_array_equal(read_splats(back).sh0, before.sh0)
    assert read_color_adjustment(back).contrast == pytest.approx(STRONG.contrast)
    bpy.ops.ed.redo()
    back = bpy.data.objects["one"]
    np.testing.assert_array_equal(read_splats(back).sh0, after.sh0)
    assert read_color_adjustment(back) == NEUTRAL


def test_bake_of_nothing_and_values_out_of_range_are_refused(one: bpy.types.Object) -> None:
    enable_color_adjustment([one])
    with pytest.raises(InvalidRequest, match="no color adjustment to bake"):
        bake_color_adjustment([one])
    for out_of_range in (
        lambda: ColorAdjustment(contrast=-1.5),
        lambda: ColorAdjustment(saturation=-0.1),
        lambda: ColorAdjustment(opacity=-1.0),
        lambda: ColorAdjustment(tint=(1.0, -0.1, 1.0)),
        lambda: ColorAdjustment(brightness=float("nan")),
        lambda: ColorAdjustment(tint=(1.0, float("inf"), 1.0)),
    ):
        with pytest.raises(InvalidRequest):
            out_of_range()


@pytest.mark.parametrize("name", ["Contrast", "Tint", "Opacity"])
def test_animated_inputs_are_not_baked(one: bpy.types.Object, name: str) -> None:
    set_color_adjustment(one, STRONG)
    before = read_splats(one).sh0
    (animated,) = (each for each in color_inputs(one) if each.name == name)
    data = animated.owner.id_data
    for add, remove in (
        (data.keyframe_insert, data.keyframe_delete),
        (data.driver_add, data.driver_remove),
    ):
        assert not animated.is_animated()
        add(animated.path)
        assert animated.is_animated()
        with pytest.raises(InvalidRequest, match=f"The {name.lower()} of 'one' is animated"):
            bake_color_adjustment([one])
        np.testing.assert_array_equal(read_splats(one).sh0, before)
        remove(animated.path)
    bake_color_adjustment([one])


@native_only
def test_native_splats_without_adjustment_have_no_material(one: bpy.types.Object) -> None:
    assert not one.material_slots and not one.modifiers
    set_color_adjustment(one, STRONG)
    assert len(one.material_slots) == len(one.modifiers) == 1
    bake_color_adjustment([one])
    assert not one.material_slots and not one.modifiers
    assert not bpy.data.materials


@native_only
def test_a_material_of_the_users_is_not_replaced(one: bpy.types.Object) -> None:
    theirs = bpy.data.materials.new("theirs")
    one.data.materials.append(theirs)
    with pytest.raises(ForeignMaterial, match="'theirs'"):
        set_color_adjustment(one, STRONG)
    assert one.active_material == theirs and not one.modifiers


@nodes_only
def test_objects_of_older_files_get_the_inputs_and_keep_their_values(
    one: bpy.types.Object,
) -> None:
    older = bpy.data.node_groups.new("Splatsmith Splats", "GeometryNodeTree")
    older["splatsmith_version"] = 1
    older.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    older.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    for name in ("Opacity", "Size"):
        older.interface.new_socket(name, in_out="INPUT", socket_type="NodeSocketFloat")
    modifier = one.modifiers[0]
    modifier.node_group = older
    set_modifier_input(modifier, "Size", 0.75)
    set_modifier_input(modifier, "Opacity", 0.5)
    assert color_inputs(one) == []
    assert read_color_adjustment(one) == NEUTRAL
    enable_color_adjustment([one])
    assert modifier.node_group != older
    assert modifier_input(modifier, "Size").read() == 0.75
    assert read_color_adjustment(one) == replace(NEUTRAL, opacity=0.5)
