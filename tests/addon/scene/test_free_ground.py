"""Where a new asset stands: clear of what is in the scene, as near as can be."""

from __future__ import annotations

import math

import bmesh
import bpy
import numpy as np
import pytest

from blender_addon.contract.bounds import Box
from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene.free_ground import find_free_ground
from blender_addon.scene.obstacles import visible_obstacles
from blender_addon.scene.splats import add_splats

EYE = (8.0, -8.0, 6.0)


def standing_box(width: float = 0.6, height: float = 1.0) -> Box:
    """Of an asset on the ground at the origin."""
    half = width / 2
    lower, upper = np.array((-half, -half, 0)), np.array((half, half, height))
    return Box(lower.astype(np.float32), upper.astype(np.float32))


def moved_to(box: Box, eye: tuple[float, float, float] | None = None) -> tuple[float, float]:
    return find_free_ground(box, visible_obstacles(), eye)


def add_room(openings: int) -> None:
    """A room of 4 m around the origin, its faces looking in, without some of them."""
    bpy.ops.mesh.primitive_cube_add(size=4, location=(0, 0, 2))
    mesh = bmesh.new()
    mesh.from_mesh(bpy.context.object.data)
    mesh.faces.ensure_lookup_table()
    bmesh.ops.delete(mesh, geom=mesh.faces[:openings], context="FACES")
    bmesh.ops.reverse_faces(mesh, faces=mesh.faces)
    mesh.to_mesh(bpy.context.object.data)
    mesh.free()


def test_stays_in_an_empty_scene(scene: bpy.types.Scene) -> None:
    bpy.ops.object.camera_add()
    bpy.ops.object.light_add()
    bpy.ops.object.empty_add()
    assert moved_to(standing_box()) == (0, 0)


def test_moves_out_of_the_default_cube_to_its_side(scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add()
    x, y = moved_to(standing_box())
    assert max(abs(x), abs(y)) > 1.3  # half the cube and half the asset
    assert math.hypot(x, y) < 1.9


def test_moves_towards_the_viewer_or_to_his_right(scene: bpy.types.Scene) -> None:
    """Behind the cube it would not be seen."""
    bpy.ops.mesh.primitive_cube_add()
    for turn in range(8):
        angle = math.pi * turn / 4
        eye = (9 * math.cos(angle), 9 * math.sin(angle), 4.0)
        x, y = moved_to(standing_box(), eye)
        ahead = x * math.cos(angle) + y * math.sin(angle)
        right = -x * math.sin(angle) + y * math.cos(angle)
        assert ahead > -0.4 and (ahead > 1 or right > 1), turn


@pytest.mark.parametrize(
    "add",
    [
        lambda: bpy.ops.mesh.primitive_plane_add(size=50),
        lambda: bpy.ops.mesh.primitive_grid_add(size=50, x_subdivisions=120, y_subdivisions=120),
        lambda: bpy.ops.mesh.primitive_cube_add(location=(0, 0, -1)),
        lambda: bpy.ops.mesh.primitive_cube_add(location=(0, 0, 2.1)),
        lambda: bpy.ops.mesh.primitive_cube_add(location=(1.4, 0, 0)),
        lambda: add_room(1),
    ],
    ids=["plane", "dense plane", "on a table", "below a ceiling", "beside", "in an open room"],
)
def test_stays_where_nothing_is_in_the_way(scene: bpy.types.Scene, add: object) -> None:
    assert callable(add)
    add()
    assert moved_to(standing_box()) == (0, 0)


def test_stays_in_a_closed_room_that_the_user_is_in_as_well(scene: bpy.types.Scene) -> None:
    add_room(0)
    assert moved_to(standing_box(), (1.0, -1.5, 1.7)) == (0, 0)
    x, y = moved_to(standing_box(), EYE)
    assert max(abs(x), abs(y)) > 2


def test_in_a_room_walls_and_furniture_are_kept_clear_of(scene: bpy.types.Scene) -> None:
    add_room(1)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 0, 0.5))
    x, y = moved_to(standing_box())
    assert 0.8 < max(abs(x), abs(y)) < 1.7


def test_hidden_objects_are_not_in_the_way(scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.hide_set(True)
    assert moved_to(standing_box()) == (0, 0)


def test_every_kind_of_object_counts(scene: bpy.types.Scene, ball: GaussianCloud) -> None:
    collection = bpy.data.collections.new("kit")
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    scene.collection.objects.unlink(cube)
    collection.objects.link(cube)
    added = (
        lambda: bpy.ops.object.collection_instance_add(collection="kit"),
        lambda: bpy.ops.object.text_add(location=(-0.3, 0, 0.3), rotation=(math.pi / 2, 0, 0)),
        lambda: bpy.ops.surface.primitive_nurbs_surface_sphere_add(),
        lambda: bpy.ops.object.metaball_add(radius=1),
        lambda: add_splats(ball, "ball", scene.collection),
    )
    for add in added:
        add()
        assert moved_to(standing_box()) != (0, 0), bpy.context.view_layer.objects[-1].type
        for obj in list(scene.collection.objects):
            bpy.data.objects.remove(obj)


def test_modifiers_count(scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add(location=(4, 0, 0))
    assert moved_to(standing_box()) == (0, 0)
    array = bpy.context.object.modifiers.new("row", "ARRAY")
    array.count, array.use_relative_offset, array.use_constant_offset = 2, False, True
    array.constant_offset_displace = (-4, 0, 0)
    assert moved_to(standing_box()) != (0, 0)


def test_a_row_of_assets_grows_without_overlap(scene: bpy.types.Scene) -> None:
    places: list[tuple[float, float]] = []
    for _ in range(6):
        x, y = moved_to(standing_box(), EYE)
        assert all(max(abs(x - u), abs(y - v)) > 0.6 for u, v in places)
        places.append((x, y))
        bpy.ops.mesh.primitive_cube_add(size=1, location=(x, y, 0.5))
        bpy.context.object.scale = (0.6, 0.6, 1)
