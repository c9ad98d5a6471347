"""Where in the world the coordinates of a georeferenced capture begin.

Blender's numbers have 32 bits, which keep half a metre of a UTM coordinate. What was subtracted
from the positions of such a file is kept with 64 bits in a custom property of its object.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

ORIGIN = "splatsmith_origin"


def write_origin(obj: bpy.types.Object, origin: Sequence[float]) -> None:
    """Keep the world coordinates (Blender's axes) of where the object's own ones begin."""
    obj[ORIGIN] = [float(value) for value in origin]


def read_origin(obj: bpy.types.Object) -> NDArray[np.float64] | None:
    """[3], what `write_origin` kept; None if there is none, or it is no point."""
    value = obj.get(ORIGIN)
    if value is None or isinstance(value, str) or len(value) != 3:
        return None
    origin = np.array(value, np.float64)
    return origin if np.isfinite(origin).all() else None


def is_in_place(obj: bpy.types.Object) -> bool:
    """Whether the object stands at its own origin, as far as 32 bits tell."""
    origin = read_origin(obj)
    place = np.array(obj.matrix_world, np.float32)[:3, 3]
    return origin is not None and bool((origin.astype(np.float32) == place).all())


def exact_matrix(obj: bpy.types.Object) -> NDArray[np.float64]:
    """The object's world matrix [4, 4]; of one that stands at its origin, at the exact place."""
    matrix = np.array(obj.matrix_world, np.float64)
    if is_in_place(obj):
        matrix[:3, 3] = read_origin(obj)
    return matrix
