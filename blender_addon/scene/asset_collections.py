"""The collections of imported assets: one each, inside a root that is found by a mark on it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import bpy

from ..contract.problems import SplatsmithError
from .provenance import read_provenance

ROOT_NAME = "Splatsmith"
_ROOT_MARK = "splatsmith_root"
_OLD_ROOT_NAME = re.compile(rf"{ROOT_NAME}(\.\d{{3}})?")


class LinkedScene(SplatsmithError):
    """Raised when nothing can be added to the scene, because it belongs to another file."""

    code = "linked-scene"
    title = "The scene cannot be changed"
    status = 409


def add_asset_collection(scene: bpy.types.Scene, title: str) -> bpy.types.Collection:
    """A new collection `title` inside the scene's root, where its objects are seen and rendered.

    The root is made if the scene has none, or only linked, overridden or hidden ones.

    Raises:
        LinkedScene: the scene cannot be changed.
    """
    parent, root = scene_collection(scene), _find_root(scene)
    if root is None:
        root = bpy.data.collections.new(ROOT_NAME)
        parent.children.link(root)
    root[_ROOT_MARK] = True
    asset = bpy.data.collections.new(title)
    root.children.link(asset)
    return asset


def remove_asset_collection(collection: bpy.types.Collection) -> None:
    """Remove an asset's empty collection, and its root if nothing else is in it."""
    roots = [c for c in bpy.data.collections if collection.name in c.children]
    bpy.data.collections.remove(collection)
    for root in roots:
        if _ROOT_MARK in root and not root.children and not root.objects:
            bpy.data.collections.remove(root)


def scene_collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The scene's own collection, to add to.

    Raises:
        LinkedScene: the scene cannot be changed.
    """
    if not scene.is_editable:
        raise LinkedScene(
            f"The scene {scene.name!r} is linked from another file.",
            "Make it local, or change to a scene of this file.",
        )
    return scene.collection


def can_receive_objects(collection: bpy.types.Collection) -> bool:
    """Whether objects can be added to `collection`, and are seen if its scene is the present one.

    Blender adds nothing to linked and overridden collections.
    """
    places = [seen for c, seen in _layer_tree(bpy.context.view_layer) if c == collection]
    return _is_editable(collection) and (any(places) or not places)


def _find_root(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    is_present = scene == bpy.context.scene
    layer = bpy.context.view_layer if is_present else scene.view_layers[0]
    roots = (c for c, seen in _layer_tree(layer) if seen and _is_editable(c) and _is_root(c))
    return next(roots, None)


def _is_root(collection: bpy.types.Collection) -> bool:
    """Version 0.1 marked no roots: there it has that version's name, and assets in it."""
    if _ROOT_MARK in collection:
        return True
    has_its_name = _OLD_ROOT_NAME.fullmatch(collection.name) is not None
    return has_its_name and any(read_provenance(obj) for obj in collection.all_objects)


def _is_editable(collection: bpy.types.Collection) -> bool:
    return collection.library is None and collection.override_library is None


def _layer_tree(layer: bpy.types.ViewLayer) -> Iterator[tuple[bpy.types.Collection, bool]]:
    """Every collection in `layer`, and whether its objects are seen there and rendered."""
    if layer.layer_collection is None:  # 5.3, of a scene that was never shown
        layer.update()
    yield from _below(layer.layer_collection, True)


def _below(
    parent: bpy.types.LayerCollection, seen: bool
) -> Iterator[tuple[bpy.types.Collection, bool]]:
    """`LayerCollection.is_visible` is out of date until the view layer is updated."""
    for child in parent.children:
        collection = child.collection
        hidden = child.exclude or child.hide_viewport or child.holdout or child.indirect_only
        shown = seen and not (hidden or collection.hide_viewport or collection.hide_render)
        yield collection, shown
        yield from _below(child, shown)
