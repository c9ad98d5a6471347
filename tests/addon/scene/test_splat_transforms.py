"""Apply Transform to Splats: the object's transform goes into the data, the look stays."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.transform import InvalidTransform
from blender_addon.scene.data_users import NotEditable
from blender_addon.scene.rest_positions import REST_POSITION, looks_turned, read_rest_positions
from blender_addon.scene.splat_transforms import Components, apply_transform
from blender_addon.scene.splats import NoSplats, add_splats
from tests.addon.world_splats import read_world_splats

from .blender_operations import (
    SHIFT,
    STRETCH,
    TURN,
    as_mesh,
    assert_same_look,
    move_some,
    positions,
    select,
)

RandomCloud = Callable[[int, int], GaussianCloud]
COMPONENTS = ("location", "rotation", "scale")


@pytest.fixture
def turned(scene: bpy.types.Scene, random_cloud: RandomCloud) -> bpy.types.Object:
    """Splats of degree 2 that are moved, turned, stretched and mirrored by their object."""
    obj = add_splats(random_cloud(40, 2), "turned", scene.collection)
    obj.location, obj.rotation_euler, obj.scale = SHIFT, TURN, STRETCH
    return obj


@pytest.mark.parametrize("chosen", list(product([False, True], repeat=3)))
def test_splats_look_the_same_and_lie_where_blenders_operator_puts_them(
    turned: bpy.types.Object, chosen: tuple[bool, ...]
) -> None:
    components = dict(zip(COMPONENTS, chosen, strict=True))
    before = read_world_splats(turned)
    other = turned.copy()
    other.data = turned.data.copy()
    bpy.context.scene.collection.objects.link(other)
    apply_transform([turned], Components(**components))
    assert_same_look(read_world_splats(turned), before)
    select(other)
    bpy.ops.object.transform_apply(**components)
    np.testing.assert_array_equal(positions(turned), positions(other))
    np.testing.assert_array_equal(turned.matrix_world, other.matrix_world)


@pytest.mark.parametrize("degree", range(5))
def test_harmonics_of_any_degree_turn(
    scene: bpy.types.Scene, random_cloud: RandomCloud, degree: int
) -> None:
    obj = as_mesh(add_splats(random_cloud(40, degree), "any", scene.collection))
    obj.rotation_euler, obj.scale = TURN, STRETCH
    before = read_world_splats(obj)
    apply_transform([obj])
    assert obj.matrix_world.is_identity
    assert_same_look(read_world_splats(obj), before)


def test_applied_splats_are_at_rest_and_shear_of_a_parent_stays_with_it(
    turned: bpy.types.Object,
) -> None:
    parent = bpy.data.objects.new("parent", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.scale, parent.rotation_euler = (1, 3, 1), (0.5, 0, 0)
    turned.parent = parent
    before = read_world_splats(turned)
    apply_transform([turned])
    np.testing.assert_array_equal(turned.matrix_world, parent.matrix_world)
    assert_same_look(read_world_splats(turned), before)
    np.testing.assert_array_equal(read_rest_positions(turned.data), positions(turned))
    assert not looks_turned(turned.data)


def test_children_stay_in_place(turned: bpy.types.Object) -> None:
    child = bpy.data.objects.new("child", None)
    bpy.context.scene.collection.objects.link(child)
    child.parent, child.location = turned, (1, 1, 1)
    bpy.context.view_layer.update()
    before = np.array(child.matrix_world)
    apply_transform([turned])
    bpy.context.view_layer.update()
    np.testing.assert_allclose(child.matrix_world, before, atol=1e-5)


def test_selection_and_other_objects_stay(turned: bpy.types.Object) -> None:
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    bpy.context.scene.collection.objects.link(cube)
    cube.scale = (2, 2, 2)
    select(cube, turned)
    apply_transform([turned])
    assert tuple(cube.scale) == (2, 2, 2)
    assert bpy.context.view_layer.objects.active == cube
    assert set(bpy.context.selected_objects) == {cube, turned}


@pytest.mark.parametrize("hidden", ["hide_viewport", "hide_select"])
def test_hidden_splats_can_be_applied_by_scripts(turned: bpy.types.Object, hidden: str) -> None:
    before = read_world_splats(turned)
    setattr(turned, hidden, True)
    apply_transform([turned])
    assert turned.matrix_basis.is_identity
    assert_same_look(read_world_splats(turned), before)
    assert len(bpy.data.scenes) == 1


def test_splats_of_other_programs_get_rest_positions(turned: bpy.types.Object) -> None:
    turned.data.attributes.remove(turned.data.attributes[REST_POSITION])
    before = read_world_splats(turned)
    apply_transform([turned])
    assert_same_look(read_world_splats(turned), before)
    np.testing.assert_array_equal(read_rest_positions(turned.data), positions(turned))


@pytest.mark.parametrize("size", [1.0, 1e-6])
def test_a_turn_that_the_shapes_missed_stays_known(turned: bpy.types.Object, size: float) -> None:
    turned.location, turned.scale = (0, 0, 0), (size,) * 3
    apply_transform([turned])
    turned.rotation_euler = TURN
    flip = np.diag([1.0, -1, -1, 1])
    move_some(turned, np.arange(40) < 40, flip)
    apply_transform([turned])
    assert looks_turned(turned.data)


def test_undo_restores_everything(turned: bpy.types.Object) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    before, rest = read_world_splats(turned), read_rest_positions(turned.data)
    bpy.ops.ed.undo_push(message="before")
    apply_transform([turned])
    bpy.ops.ed.undo_push(message="apply")
    bpy.ops.ed.undo()
    undone = bpy.data.objects["turned"]
    found = read_world_splats(undone)
    for name in ("means", "quats", "scales", "opacities", "sh0", "shN"):
        np.testing.assert_array_equal(getattr(found, name), getattr(before, name), name)
    np.testing.assert_array_equal(read_rest_positions(undone.data), rest)
    bpy.ops.ed.redo()
    assert bpy.data.objects["turned"].matrix_basis.is_identity


def test_shared_splats_are_refused_or_made_single(turned: bpy.types.Object) -> None:
    other = turned.copy()
    bpy.context.scene.collection.objects.link(other)
    before = positions(turned)
    with pytest.raises(NotEditable, match="shares its splats.*Isolate"):
        apply_transform([turned])
    np.testing.assert_array_equal(positions(turned), before)
    assert not turned.matrix_basis.is_identity
    apply_transform([turned], isolate_users=True)
    assert turned.data != other.data
    np.testing.assert_array_equal(positions(other), before)


def test_linked_splats_are_refused(
    turned: bpy.types.Object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("library") / "library.blend"
    bpy.data.libraries.write(str(file), {turned})
    bpy.data.objects.remove(turned)
    with bpy.data.libraries.load(str(file), link=True) as (_, into):
        into.objects = ["turned"]
    (linked,) = into.objects
    bpy.context.scene.collection.objects.link(linked)
    with pytest.raises(NotEditable, match="linked.*local"):
        apply_transform([linked])


def test_a_scale_of_zero_is_refused_and_changes_nothing(turned: bpy.types.Object) -> None:
    turned.scale = (1, 0, 1)
    before = positions(turned)
    with pytest.raises(InvalidTransform, match="flattens"):
        apply_transform([turned])
    assert tuple(turned.scale) == (1, 0, 1)
    np.testing.assert_array_equal(positions(turned), before)


def test_splats_in_edit_mode_are_refused(turned: bpy.types.Object) -> None:
    turned.modifiers.clear()
    select(turned)
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(NoSplats, match="Edit Mode"):
        apply_transform([turned])


def test_another_object_is_refused(scene: bpy.types.Scene) -> None:
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    with pytest.raises(NoSplats, match="no splat object"):
        apply_transform([cube])
