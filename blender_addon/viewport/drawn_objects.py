"""Which objects of a scene show splats, and which of them a viewport shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ..scene import appearance
from ..scene.splat_color import read_color_adjustment

# What can hide splats.
_OPAQUE_TYPES = frozenset(
    {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME", "GREASEPENCIL"}
)


@dataclass(frozen=True)
class DrawnObject:
    """A splat object, or an instance of one.

    Attributes:
        splats: the object with the splats.
        data_uid: its datablock's `session_uid`.
        owner: the object that the user sees and selects: itself, or the instancing one.
        matrix: [4, 4], to the world.
        opacity, size, color_map: of the node group's inputs; see `Instance`.
        has_ellipsoids: whether its nodes show them in viewports, for one in Rendered shading.
    """

    splats: bpy.types.Object
    data_uid: int
    owner: bpy.types.Object
    matrix: NDArray[np.float64]
    opacity: float
    size: float
    color_map: NDArray[np.float64]
    has_ellipsoids: bool

    def is_visible_in(self, space: bpy.types.SpaceView3D) -> bool:
        """Whether `space` shows it: hiding, collections, local view, filters of types."""
        shows_type = getattr(space, f"show_object_viewport_{self.splats.type.lower()}", True)
        return shows_type and self.owner.visible_in_viewport_get(space)


@dataclass(frozen=True)
class SceneContents:
    """A scene's splats, and whether there is anything else that could hide them."""

    drawn: tuple[DrawnObject, ...]
    has_other_geometry: bool


def scene_contents(depsgraph: bpy.types.Depsgraph) -> SceneContents:
    """What the evaluated scene of `depsgraph` contains."""
    drawn: list[DrawnObject] = []
    has_other_geometry = False
    if not any(map(appearance.find_splat_modifier, bpy.data.objects)):
        return SceneContents((), has_other_geometry)
    for instance in depsgraph.object_instances:
        obj = instance.object.original
        modifier = appearance.find_splat_modifier(obj)
        if modifier is None:
            has_other_geometry |= instance.show_self and obj.type in _OPAQUE_TYPES
        # What nodes make of an object are instances of the same original.
        elif instance.object == obj.evaluated_get(depsgraph) and modifier.show_viewport:
            drawn.append(_drawn(instance, obj, modifier))
    return SceneContents(tuple(drawn), has_other_geometry)


def _drawn(
    instance: bpy.types.DepsgraphObjectInstance,
    obj: bpy.types.Object,
    modifier: bpy.types.NodesModifier,
) -> DrawnObject:
    adjustment = read_color_adjustment(obj)
    return DrawnObject(
        splats=obj,
        data_uid=obj.data.session_uid,
        owner=instance.parent.original if instance.is_instance else obj,
        matrix=np.array(instance.matrix_world, np.float64),
        opacity=adjustment.opacity,
        color_map=np.column_stack(adjustment.affine()),
        size=cast("float", appearance.get_modifier_input(modifier, "Size")),
        has_ellipsoids=not appearance.is_hidden_in_viewport(modifier),
    )
