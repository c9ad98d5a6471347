"""Where imported assets go: a root collection that can be changed and seen."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from blender_addon.scene.asset_collections import (
    LinkedScene,
    add_asset_collection,
    can_receive_objects,
    remove_asset_collection,
    scene_collection,
)
from blender_addon.scene.provenance import Provenance, write_provenance


def new_collection(name: str, parent: bpy.types.Collection) -> bpy.types.Collection:
    collection = bpy.data.collections.new(name)
    parent.children.link(collection)
    return collection


def layer_of(collection: bpy.types.Collection) -> bpy.types.LayerCollection:
    layers = bpy.context.view_layer.layer_collection.children
    return next(layer for layer in layers if layer.collection == collection)


@pytest.fixture
def linked(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Collection:
    """A root of another file, linked into the scene."""
    chair = add_asset_collection(scene, "chair")
    chair.objects.link(bpy.data.objects.new("chair.splats", bpy.data.meshes.new("chair")))
    library = str(tmp_path / "library.blend")
    bpy.data.libraries.write(library, set(scene.collection.children))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(library, link=True) as (_, found):
        found.collections = ["Splatsmith"]
    (root,) = found.collections
    bpy.context.scene.collection.children.link(root)
    return root


def test_assets_share_one_root_and_have_a_collection_each(scene: bpy.types.Scene) -> None:
    first, second = add_asset_collection(scene, "chair"), add_asset_collection(scene, "chair")
    (root,) = scene.collection.children
    assert root.name == "Splatsmith"
    assert list(root.children) == [first, second]
    assert (first.name, second.name) == ("chair", "chair.001")


def test_each_scene_has_its_own_root(scene: bpy.types.Scene) -> None:
    other = bpy.data.scenes.new("other")
    for place_for_it in (scene, other, other):
        add_asset_collection(place_for_it, "chair")
    assert [len(s.collection.children) for s in (scene, other)] == [1, 1]
    assert scene.collection.children[0] != other.collection.children[0]


@pytest.mark.parametrize("name", ["Splatsmith", "Splatsmith.archive", "Splatsmith.001"])
def test_collections_of_the_user_are_no_roots(scene: bpy.types.Scene, name: str) -> None:
    theirs = new_collection(name, scene.collection)
    asset = add_asset_collection(scene, "chair")
    assert not theirs.children
    assert asset.name in scene.collection.children[1].children


def test_a_root_is_found_where_the_user_put_it_and_called_as_they_like(
    scene: bpy.types.Scene,
) -> None:
    add_asset_collection(scene, "chair")
    (root,) = scene.collection.children
    scene.collection.children.unlink(root)
    new_collection("props", scene.collection).children.link(root)
    root.name = "generated"
    assert add_asset_collection(scene, "table").name in root.children


def test_the_root_of_version_0_1_is_used_further(scene: bpy.types.Scene) -> None:
    root = new_collection("Splatsmith", scene.collection)
    splats = bpy.data.objects.new("chair.splats", None)
    write_provenance(splats, Provenance("{}"))
    new_collection("chair", root).objects.link(splats)
    assert add_asset_collection(scene, "table").name in root.children


def test_a_linked_root_is_left_alone(linked: bpy.types.Collection) -> None:
    scene = bpy.context.scene
    asset = add_asset_collection(scene, "table")
    assert asset.library is None and asset.name not in linked.children
    assert add_asset_collection(scene, "lamp").name in scene.collection.children[1].children
    assert not can_receive_objects(linked)


def test_an_overridden_root_is_left_alone(linked: bpy.types.Collection) -> None:
    scene = bpy.context.scene
    override = linked.override_hierarchy_create(scene, bpy.context.view_layer)
    assert override is not None and override.library is None
    asset = add_asset_collection(scene, "table")
    assert asset.name not in override.children
    assert not can_receive_objects(override)


def test_a_linked_scene_is_refused_with_a_remedy(scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene.name = "theirs"
    library = str(tmp_path / "library.blend")
    bpy.data.libraries.write(library, {scene})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(library, link=True) as (_, found):
        found.scenes = ["theirs"]
    (theirs,) = found.scenes
    for add in (lambda: add_asset_collection(theirs, "chair"), lambda: scene_collection(theirs)):
        with pytest.raises(LinkedScene, match="'theirs' is linked") as refused:
            add()
        assert refused.value.remedy
    assert not [c for c in bpy.data.collections if c.library is None]


@pytest.mark.parametrize("flag", ["exclude", "hide_viewport", "holdout", "indirect_only"])
def test_assets_do_not_go_into_a_root_hidden_in_the_view_layer(
    scene: bpy.types.Scene, flag: str
) -> None:
    add_asset_collection(scene, "chair")
    (root,) = scene.collection.children
    setattr(layer_of(root), flag, True)
    table, lamp = add_asset_collection(scene, "table"), add_asset_collection(scene, "lamp")
    assert list(scene.collection.children[1].children) == [table, lamp]
    assert not can_receive_objects(root) and can_receive_objects(table)
    setattr(layer_of(root), flag, False)
    assert add_asset_collection(scene, "shelf").name in root.children


@pytest.mark.parametrize("flag", ["hide_viewport", "hide_render"])
@pytest.mark.parametrize("level", ["root", "parent"])
def test_assets_do_not_go_into_a_root_hidden_everywhere(
    scene: bpy.types.Scene, flag: str, level: str
) -> None:
    add_asset_collection(scene, "chair")
    (root,) = scene.collection.children
    scene.collection.children.unlink(root)
    parent = new_collection("props", scene.collection)
    parent.children.link(root)
    setattr(root if level == "root" else parent, flag, True)
    asset = add_asset_collection(scene, "table")
    asset.objects.link(obj := bpy.data.objects.new("table", None))
    bpy.context.view_layer.update()
    assert obj.visible_get()
    assert asset.name not in root.children


def test_what_was_made_for_a_failed_import_is_removed(scene: bpy.types.Scene) -> None:
    remove_asset_collection(add_asset_collection(scene, "chair"))
    assert not bpy.data.collections
    table, lamp = add_asset_collection(scene, "table"), add_asset_collection(scene, "lamp")
    remove_asset_collection(lamp)
    assert [c.name for c in bpy.data.collections] == ["Splatsmith", table.name]
