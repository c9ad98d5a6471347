from __future__ import annotations

import threading
from collections.abc import Callable

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.harmonics import basis
from blender_addon.contract.transform import rotation_matrices
from blender_addon.scene import point_data
from blender_addon.scene.splats import IS_NATIVE, NoSplats, add_splats, read_splats

RandomCloud = Callable[[int, int], GaussianCloud]
TURN = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)  # Y up to Z up


def values(obj: bpy.types.Object) -> dict[str, np.ndarray]:
    return dict(point_data.read_attributes(obj.data))


@pytest.mark.parametrize(("degree", "count"), [(0, 0), (1, 3), (2, 8), (3, 15), (4, 24)])
def test_attributes_are_those_of_native_splats(
    scene: bpy.types.Scene, random_cloud: RandomCloud, degree: int, count: int
) -> None:
    obj = add_splats(random_cloud(7, degree), "seven", scene.collection)
    found = {a.name: a.data_type for a in obj.data.attributes if not a.name.startswith(".")}
    vectors = ["position", "scale", *(f"radiance:sh_{k}" for k in range(count))]
    found.pop("radius", None)  # which Blender gives to every point cloud
    assert found == {
        **dict.fromkeys(vectors, "FLOAT_VECTOR"),
        "rotation": "QUATERNION",
        "radiance:base": "FLOAT_COLOR",  # which survives in Blenders before 5.3, unlike FLOAT4
    }


def test_values_are_rotated_to_blenders_axes(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    cloud = random_cloud(20, 3)
    found = values(add_splats(cloud, "twenty", scene.collection))
    x, y, z = cloud.means.T
    np.testing.assert_allclose(found["position"], np.stack([x, -z, y], axis=1), atol=1e-6)
    np.testing.assert_array_equal(found["scale"], cloud.scales)
    np.testing.assert_array_equal(found["radiance:base"][:, :3], cloud.sh0)
    np.testing.assert_array_equal(found["radiance:base"][:, 3], cloud.opacities)
    turned = rotation_matrices(found["rotation"])
    np.testing.assert_allclose(turned, TURN @ rotation_matrices(cloud.quats), atol=1e-6)


def test_harmonics_give_the_same_colour_from_the_rotated_direction(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    cloud = random_cloud(5, 3)
    found = values(add_splats(cloud, "five", scene.collection))
    harmonics = np.stack([found[f"radiance:sh_{k}"] for k in range(15)], axis=1)
    front = np.array([[0, 0, 1]], np.float32)
    before = np.einsum("mk,nkc->nc", basis(front, 3)[:, 1:], cloud.shN)
    after = np.einsum("mk,nkc->nc", basis(front @ TURN.T, 3)[:, 1:], harmonics)
    np.testing.assert_allclose(after, before, atol=1e-4)


@pytest.mark.parametrize("degree", range(5))
def test_cloud_round_trips_through_its_object(
    scene: bpy.types.Scene, random_cloud: RandomCloud, degree: int
) -> None:
    cloud = random_cloud(30, degree)
    back = read_splats(add_splats(cloud, "there", scene.collection))
    assert back.degree == degree
    for name in ("means", "quats", "scales", "opacities", "sh0", "shN"):
        np.testing.assert_allclose(getattr(back, name), getattr(cloud, name), atol=1e-5)


def test_reading_another_object_says_so(scene: bpy.types.Scene) -> None:
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "POINT"))
    for obj in (cube, lamp):
        with pytest.raises(NoSplats, match="no splat object"):
            read_splats(obj)


def test_datablock_is_the_best_this_blender_has(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    obj = add_splats(random_cloud(3, 0), "three", scene.collection)
    assert obj.type == ("POINTCLOUD" if bpy.app.version >= (4, 5, 0) else "MESH")
    assert bool(obj.modifiers) != IS_NATIVE
    assert len(bpy.data.meshes) == (obj.type == "MESH")


def test_object_lands_in_its_collection_alone_even_if_that_is_in_no_scene(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    apart = bpy.data.collections.new("apart")
    obj = add_splats(random_cloud(3, 0), "a 'chair' \"é\" 椅子", apart)
    assert list(obj.users_collection) == [apart]
    assert obj.name == obj.data.name == "a 'chair' \"é\" 椅子"


def test_selection_and_active_object_stay(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    add_splats(random_cloud(3, 0), "three", scene.collection)
    assert bpy.context.object == cube
    assert cube.mode == "EDIT"
    bpy.ops.object.mode_set(mode="OBJECT")
    assert cube.select_get()


def test_materials_and_node_groups_are_made_once(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    for name in ("first", "second"):
        add_splats(random_cloud(3, 0), name, scene.collection)
    if not IS_NATIVE:
        assert len(bpy.data.node_groups) == 1
        assert len(bpy.data.materials) == 2


def test_import_is_undone_and_redone_in_one_step(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    add_splats(random_cloud(3, 1), "three", scene.collection)
    bpy.ops.ed.undo_push(message="import")
    bpy.ops.ed.undo()
    assert "three" not in bpy.data.objects
    bpy.ops.ed.redo()
    assert len(read_splats(bpy.data.objects["three"])) == 3


def test_splats_survive_saving(
    scene: bpy.types.Scene, random_cloud: RandomCloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cloud = random_cloud(4, 2)
    add_splats(cloud, "four", scene.collection)
    file = str(tmp_path_factory.mktemp("saved") / "four.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.open_mainfile(filepath=file)
    back = read_splats(bpy.data.objects["four"])
    np.testing.assert_allclose(back.shN, cloud.shN, atol=1e-5)


@pytest.mark.parametrize("edited", [False, True], ids=["object mode", "edit mode"])
def test_selection_and_edit_mode_of_the_user_are_kept(
    scene: bpy.types.Scene, random_cloud: RandomCloud, edited: bool
) -> None:
    mesh = bpy.data.meshes.new("theirs")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    theirs, other = (bpy.data.objects.new(name, mesh.copy()) for name in ("theirs", "other"))
    for obj in (theirs, other):
        scene.collection.objects.link(obj)
    objects = bpy.context.view_layer.objects
    theirs.select_set(True)
    objects.active = theirs
    if edited:
        bpy.ops.object.mode_set(mode="EDIT")
    try:
        added = add_splats(random_cloud(5, 0), "added", scene.collection)
        assert bpy.context.mode == ("EDIT_MESH" if edited else "OBJECT")
        assert objects.active == theirs
        assert [obj for obj in objects if obj.select_get()] == [theirs]
        assert added.type in ("POINTCLOUD", "MESH")
        assert list(added.users_collection) == [scene.collection]
    finally:
        if edited:
            bpy.ops.object.mode_set(mode="OBJECT")


def test_clouds_are_made_while_other_threads_run(
    scene: bpy.types.Scene, random_cloud: RandomCloud
) -> None:
    """Operators let other threads run Python meanwhile: no crash, no cloud that is none."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.001):
            sum(range(100))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        kinds = {add_splats(random_cloud(50, 0), "s", scene.collection).type for _ in range(200)}
    finally:
        done.set()
        worker.join()
    assert len(kinds) == 1
