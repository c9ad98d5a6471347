"""Points are deleted, all else that an object's data has is kept."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
import pytest

from blender_addon.contract.cloud import GaussianCloud
from blender_addon.scene.data_users import NotEditable
from blender_addon.scene.point_deletion import keep_points
from blender_addon.scene.splats import IS_NATIVE, add_splats, read_splats

RandomCloud = Callable[[int, int], GaussianCloud]

COUNT = 30
KEPT = np.arange(COUNT) % 3 == 0
# Attribute types with a value for point i; those that this Blender lacks are left out.
FOREIGN = {
    "FLOAT": lambda i: i / 7,
    "INT": lambda i: -i,
    "BOOLEAN": lambda i: i % 2 == 0,
    "INT8": lambda i: i - 15,
    "FLOAT2": lambda i: (i, -i),
    "FLOAT4": lambda i: (i, 1, 2, 3),
    "INT16_2D": lambda i: (i, 300 + i),
    "INT32_2D": lambda i: (i, 70_000 + i),
    "BYTE_COLOR": lambda i: (i / 255, 0, 1, 1),
    "FLOAT4X4": lambda i: [[i + j + k for k in range(4)] for j in range(4)],
    "STRING": lambda i: f"ü{i}".encode(),
}


@pytest.fixture
def splats(scene: bpy.types.Scene, random_cloud: RandomCloud) -> bpy.types.Object:
    obj = add_splats(random_cloud(COUNT, 2), "s", scene.collection)
    obj.data.materials.append(bpy.data.materials.new("theirs"))
    obj.data.materials.append(None)
    obj.data["note"] = {"by": "an artist"}
    obj["splatsmith_request"] = "{}"
    return obj


def add_foreign(data: bpy.types.ID) -> dict[str, list[object]]:
    """Attributes of every type, and their values."""
    types = bpy.types.Attribute.bl_rna.properties["data_type"].enum_items.keys()
    for kind in FOREIGN.keys() & types:
        for i, item in enumerate(data.attributes.new(kind, kind, "POINT").data):
            setattr(item, value_name(item), FOREIGN[kind](i))
    return foreign_values(data)


def foreign_values(data: bpy.types.ID) -> dict[str, list[object]]:
    return {
        a.name: [plain(getattr(item, value_name(item))) for item in a.data]
        for a in data.attributes
        if a.name in FOREIGN
    }


def value_name(item: bpy.types.bpy_struct) -> str:
    names = item.bl_rna.properties.keys()
    return next(n for n in ("value", "vector", "color_srgb", "color") if n in names)


def plain(value: object) -> object:
    return (
        value if isinstance(value, bool | int | float | str | bytes) else np.array(value).tolist()
    )


def test_attributes_of_every_type_are_kept(splats: bpy.types.Object) -> None:
    cloud, foreign = read_splats(splats), add_foreign(splats.data)
    assert len(foreign) >= 9
    before = {(a.name, a.data_type, a.domain) for a in splats.data.attributes}
    keep_points(splats, KEPT)
    rows = np.flatnonzero(KEPT).tolist()
    assert foreign_values(splats.data) == {
        name: [values[i] for i in rows] for name, values in foreign.items()
    }
    assert before <= {(a.name, a.data_type, a.domain) for a in splats.data.attributes}
    left = read_splats(splats)
    for name in ("means", "quats", "scales", "opacities", "sh0", "shN"):
        np.testing.assert_array_equal(getattr(left, name), getattr(cloud, name)[KEPT])


def test_materials_properties_names_and_type_are_kept(splats: bpy.types.Object) -> None:
    modifiers = [modifier.name for modifier in splats.modifiers]
    keep_points(splats, KEPT)
    assert [m and m.name for m in splats.data.materials] == ["theirs", None]
    assert splats.data["note"].to_dict() == {"by": "an artist"}
    assert splats["splatsmith_request"] == "{}"
    assert (splats.name, splats.data.name) == ("s", "s")
    assert [modifier.name for modifier in splats.modifiers] == modifiers
    assert not IS_NATIVE or splats.data.type == "GAUSSIAN_SPLAT"


def test_nothing_else_is_left_behind(splats: bpy.types.Object) -> None:
    def count() -> list[int]:
        return [len(getattr(bpy.data, n)) for n in ("objects", "meshes", "pointclouds", "scenes")]

    before, groups = count(), set(bpy.data.node_groups)
    keep_points(splats, KEPT)
    assert count() == before
    assert set(bpy.data.node_groups) == groups


def test_other_objects_of_the_same_data_keep_their_points(splats: bpy.types.Object) -> None:
    other = splats.copy()
    keep_points(splats, KEPT)
    assert len(read_splats(splats)) == KEPT.sum()
    assert len(read_splats(other)) == COUNT


def test_a_material_of_the_object_stays_in_its_slot(splats: bpy.types.Object) -> None:
    splats.material_slots[0].link = "OBJECT"
    splats.material_slots[0].material = own = bpy.data.materials.new("own")
    keep_points(splats, KEPT)
    assert splats.material_slots[0].material == own
    assert splats.material_slots[0].link == "OBJECT"


def test_deletion_is_undone_and_redone_exactly(splats: bpy.types.Object) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    cloud, foreign = read_splats(splats), add_foreign(splats.data)
    bpy.ops.ed.undo_push(message="before")
    keep_points(splats, KEPT)
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    back = bpy.data.objects["s"]
    np.testing.assert_array_equal(read_splats(back).shN, cloud.shN)
    assert foreign_values(back.data) == foreign
    assert [m and m.name for m in back.data.materials] == ["theirs", None]
    bpy.ops.ed.redo()
    assert len(read_splats(bpy.data.objects["s"])) == KEPT.sum()


def test_vertex_groups_of_meshes_are_kept(scene: bpy.types.Scene) -> None:
    mesh = bpy.data.meshes.new("m")
    mesh.vertices.add(COUNT)
    obj = bpy.data.objects.new("m", mesh)
    scene.collection.objects.link(obj)
    obj.vertex_groups.new(name="half").add(list(range(0, COUNT, 2)), 0.5, "ADD")
    keep_points(obj, KEPT)
    members = [bool(vertex.groups) for vertex in obj.data.vertices]
    assert members == [i % 2 == 0 for i in np.flatnonzero(KEPT)]


def test_what_cannot_be_changed_says_so_and_stays(
    splats: bpy.types.Object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = str(tmp_path_factory.mktemp("library") / "splats.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(file, link=True) as (_, target):
        target.objects = ["s"]
    (linked,) = target.objects
    with pytest.raises(NotEditable, match="another file"):
        keep_points(linked, KEPT)
    assert len(read_splats(linked)) == COUNT
    local = linked.copy()  # whose data is still linked
    with pytest.raises(NotEditable, match="another file"):
        keep_points(local, KEPT)


def test_shape_keys_are_not_lost_silently(scene: bpy.types.Scene) -> None:
    mesh = bpy.data.meshes.new("m")
    mesh.vertices.add(COUNT)
    obj = bpy.data.objects.new("m", mesh)
    obj.shape_key_add(name="Basis")
    with pytest.raises(NotEditable, match="shape keys"):
        keep_points(obj, KEPT)
    assert len(obj.data.vertices) == COUNT
