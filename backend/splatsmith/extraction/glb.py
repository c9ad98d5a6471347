"""Meshes as GLB files whose vertex colours are what glTF says they are: linear light."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual.color import ColorVisuals

_ATTRIBUTE = "_color"  # trimesh insists on the underscore


def write_glb(path: Path, mesh: trimesh.Trimesh) -> None:
    """Write `mesh` with its vertex colours (sRGB bytes in memory) as linear floats.

    trimesh itself would write the bytes as they are, which every reader then shows too bright.

    Raises:
        OSError: it cannot be written.
    """
    assert isinstance(mesh.visual, ColorVisuals)
    colors = np.asarray(mesh.visual.vertex_colors)
    plain = trimesh.Trimesh(
        vertices=mesh.vertices,
        faces=mesh.faces,
        vertex_attributes={_ATTRIBUTE: _linear(colors)},
        process=False,
    )
    plain.export(path, file_type="glb", tree_postprocessor=_name_colors)


def _linear(colors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear RGB and alpha [N, 4] of sRGB bytes [N, 4] (IEC 61966-2-1)."""
    linear = np.divide(colors, 255, dtype=np.float32)
    rgb = linear[:, :3]
    linear[:, :3] = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear


def _name_colors(tree: dict[str, Any]) -> None:
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            attributes = primitive["attributes"]
            attributes["COLOR_0"] = attributes.pop(_ATTRIBUTE)
