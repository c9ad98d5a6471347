"""What is done with an asset's objects once they are in the scene."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy

from ..contract.protocol import Product
from ..scene.quads import add_quads
from ..scene.visibility import hand_selection_on, hide
from .files import Asset

_SHOWN_FIRST = (Product.MESH, Product.SPLATS, Product.POINTS)


@dataclass(frozen=True)
class Finish:
    """How the results are to be left.

    quads: the mesh is remeshed to quads, and the triangles are hidden.
    alone: of the results, which lie in one place, only the mesh is shown, or what comes next to it.
    """

    quads: bool = False
    alone: bool = False


def finish_asset(asset: Asset, finish: Finish, source: bpy.types.Object | None = None) -> Asset:
    """Carry out `finish`; `source`, the splats that results were extracted from, is one of them.

    Raises:
        NoMesh: see `add_quads`.
    """
    mesh = asset.objects.get(Product.MESH)
    if finish.quads and mesh is not None:
        asset = replace(asset, quads=add_quads(mesh))
    shown = next(asset.objects[p] for p in _SHOWN_FIRST if p in asset.objects)
    if source is not None:
        hand_selection_on(source, asset.quads or shown)
    if finish.alone:
        others = [obj for obj in (*asset.objects.values(), source) if obj is not None]
        hide(obj for obj in others if obj != shown)
    return asset
