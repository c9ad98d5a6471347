"""Rough shapes in the scene as what leads an asset."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from .contract.cards import ConditionKind, MapCamera
from .images import encode_pixels
from .scene.control_map import draw_map


@dataclass(frozen=True)
class Guide:
    """A rough shape that leads an asset, for engines that take depth or normal maps.

    objects: seen by the engine's front camera, their front (-Y) towards it.
    kind: ConditionKind.DEPTH or ConditionKind.NORMAL.
    camera: the engine's, from its card; DiffSplat's if not said. elevation: degrees.
    """

    objects: tuple[bpy.types.Object, ...]
    kind: ConditionKind = ConditionKind.DEPTH
    camera: MapCamera = MapCamera(1.4, 39.6)
    elevation: float = 10.0

    def picture(self) -> bytes:
        """The map as a PNG file.

        Raises:
            InvalidRequest: there are no faces to be seen.
        """
        return encode_pixels(draw_map(self.objects, self.kind, self.camera, self.elevation))
