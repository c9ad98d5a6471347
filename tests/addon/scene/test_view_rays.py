"""Where things that are dropped into the viewport come to stand."""

from __future__ import annotations

import bpy
import pytest
from mathutils import Vector

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene.splats import add_splats
from blender_addon.scene.view_rays import FAR, ViewRay, place_on_ray

DOWN = Vector((0, 0, -1))


def place(origin: tuple[float, ...], direction: Vector | tuple[float, ...]) -> tuple[float, ...]:
    ray = ViewRay(Vector(origin), Vector(direction).normalized())
    depsgraph = bpy.context.evaluated_depsgraph_get()
    return tuple(round(value, 4) for value in place_on_ray(bpy.context.scene, depsgraph, ray))


def test_on_the_first_visible_face(scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add(size=2, location=(3, 0, 1))
    bpy.ops.mesh.primitive_plane_add(size=2, location=(3, 0, 5))
    plane = bpy.context.object
    assert place((3, 0, 10), DOWN) == (3, 0, 5)
    plane.hide_set(True)
    assert place((3, 0, 10), DOWN) == (3, 0, 2)


def test_on_the_ground_where_nothing_stands(scene: bpy.types.Scene) -> None:
    assert place((0, -5, 5), (0, 1, -1)) == (0, 0, 0)
    assert place((0, -5, -5), (0, 1, 1)) == (0, 0, 0), "from below"


@pytest.mark.parametrize("direction", [(0, 1, 1), (0, 1, 0), (0, 1, -0.5 / FAR)])
def test_at_the_depth_of_the_cursor_towards_the_sky(
    scene: bpy.types.Scene, direction: tuple[float, ...]
) -> None:
    scene.cursor.location = Vector((0, -5, 1)) + 4 * Vector(direction).normalized()
    expected = tuple(round(value, 4) for value in scene.cursor.location)
    assert place((0, -5, 1), direction) == pytest.approx(expected, abs=1e-3)


def test_at_the_cursor_if_that_is_behind_the_viewer(scene: bpy.types.Scene) -> None:
    scene.cursor.location = (0, -9, 3)
    assert place((0, -5, 1), (0, 1, 1)) == (0, -9, 3)


def test_splats_have_no_faces(scene: bpy.types.Scene, ball: GaussianCloud) -> None:
    splats = add_splats(ball, "ball", scene.collection)
    for modifier in splats.modifiers:  # whose ellipsoids are hidden where splats are drawn
        modifier.show_viewport = False
    assert place((0, 0, 5), DOWN) == (0, 0, 0)
