"""Meshes, through Blender's own glTF importer."""

from __future__ import annotations

from pathlib import Path

import bpy


def add_mesh(glb: Path, name: str, collection: bpy.types.Collection) -> bpy.types.Object:
    """Import a GLB of one mesh (asset frame) as an object in Blender's axes, at the origin.

    Raises:
        UnreadableMesh (a SplatsmithError): the file is no GLB, or holds no mesh.
    """
    raise NotImplementedError
