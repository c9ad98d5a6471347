"""What is done with an asset's objects after their import."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy

from ..contract.protocol import Product
from ..scene.quads import add_quads
from ..scene.visibility import hide, select_only, transfer_selection
from .files import Asset

_VISIBLE_ORDER = (Product.MESH, Product.SPLATS, Product.POINTS)


@dataclass(frozen=True)
class PostImport:
    """Options of what is done after an import.

    quads: remesh the mesh to quads, and hide the triangles.
    show_one: hide all results but the mesh, or if there is none the splats, or the points.
    """

    quads: bool = False
    show_one: bool = False


def apply_post_import(
    asset: Asset, post_import: PostImport, source: bpy.types.Object | None = None
) -> Asset:
    """Apply `post_import`; `source`, the splats the results were extracted from, is one of them.

    Raises:
        NoMesh: see `add_quads`.
    """
    mesh = asset.objects.get(Product.MESH)
    if post_import.quads and mesh is not None:
        asset = replace(asset, quads=add_quads(mesh))
    shown = next(asset.objects[p] for p in _VISIBLE_ORDER if p in asset.objects)
    if source is not None:
        transfer_selection(source, asset.quads or shown)
    if post_import.show_one:
        others = [obj for obj in (*asset.objects.values(), source) if obj is not None]
        hide(obj for obj in others if obj != shown)
    if source is None:
        _select(asset, asset.quads or shown)
    return asset


def _select(asset: Asset, active: bpy.types.Object) -> None:
    """Select what is seen of a new asset and nothing else, as Blender's own importers do."""
    if bpy.context.mode == "OBJECT":
        objects = [obj for obj in asset.objects.values() if obj.visible_get() and obj != active]
        select_only([*objects, active])
