"""The scripting interface of splat editing, `api.splat_tools`.

    from bl_ext.user_default.splatsmith.api import splat_tools as tools

    splats = bpy.context.selected_objects
    tools.crop_splats(splats, bpy.data.objects["Empty"], tools.CropSide.INSIDE)
    tools.delete_floaters(splats, tools.FloaterCriteria(max_size=20.0))
    tools.limit_splats(splats, 100_000)
    tools.set_color_adjustment(splats[0], tools.ColorAdjustment(contrast=0.2))
    tools.bake_color_adjustment(splats[:1])

Each changes all objects or, when it raises a SplatsmithError, none. Works in Blender's window, in
`blender --background` and in the bpy module, without a backend.
"""

from __future__ import annotations

from .scene.color_adjustment import ColorAdjustment
from .scene.crop_objects import CropShape, add_crop_object
from .scene.splat_color import (
    bake_color_adjustment,
    color_inputs,
    enable_color_adjustment,
    read_color_adjustment,
    set_color_adjustment,
    shares_color_adjustment,
)
from .scene.splat_editing import (
    EditCount,
    SplatAction,
    count_splats,
    crop_splats,
    delete_floaters,
    limit_splats,
    search_floaters,
)
from .scene.splat_selection import CropSide, FloaterCriteria, FloaterSearch

__all__ = [
    "ColorAdjustment",
    "CropShape",
    "CropSide",
    "EditCount",
    "FloaterCriteria",
    "FloaterSearch",
    "SplatAction",
    "add_crop_object",
    "bake_color_adjustment",
    "color_inputs",
    "count_splats",
    "crop_splats",
    "delete_floaters",
    "enable_color_adjustment",
    "limit_splats",
    "read_color_adjustment",
    "search_floaters",
    "set_color_adjustment",
    "shares_color_adjustment",
]
