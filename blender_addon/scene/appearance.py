"""How splats and points look below Blender 5.3: geometry node groups and materials, made once."""

from __future__ import annotations

import bpy


def raise_transparent_bounces(scene: bpy.types.Scene) -> None:
    """Let Cycles rays pass through enough splats; call once after adding splats to `scene`."""
    raise NotImplementedError
