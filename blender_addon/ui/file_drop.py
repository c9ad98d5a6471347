"""Files dropped into the 3D viewport, and splats in a collection's exporters."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty
from bpy_extras.io_utils import poll_file_object_drop

from ..contract.problems import InvalidRequest
from .api_operator import ApiOperator
from .splat_export import SPLATSMITH_OT_export_splats
from .splat_import import SUFFIXES, SPLATSMITH_OT_import_splats


class SPLATSMITH_FH_splats(bpy.types.FileHandler):
    """Splat files: dropped ones are imported, and collections can be exported as such."""

    bl_idname = "SPLATSMITH_FH_splats"
    bl_label = "Gaussian Splats"
    bl_import_operator = SPLATSMITH_OT_import_splats.bl_idname
    bl_export_operator = SPLATSMITH_OT_export_splats.bl_idname
    bl_file_extensions = ";".join(dict.fromkeys(f".{each.split('.')[-1]}" for each in SUFFIXES))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return poll_file_object_drop(context)


class SPLATSMITH_OT_use_picture(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.use_picture"
    bl_label = "Use as Picture for Splatsmith"
    bl_description = "Make this the panel's picture, from which the next asset is made"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # it needs a file

    filepath: StringProperty(
        description="The picture's file", subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"}
    )

    def call_api(self, context: bpy.types.Context) -> None:
        context.scene.splatsmith.picture = _load_picture(self.filepath)


def _load_picture(path: str) -> bpy.types.Image:
    """The image of a picture file.

    Raises:
        InvalidRequest: Blender cannot read it.
    """
    known = set(bpy.data.images)
    try:
        image = bpy.data.images.load(path, check_existing=True)
    except RuntimeError:
        image = None
    if image is not None and image.size[0]:
        return image
    if image is not None and image not in known:
        bpy.data.images.remove(image)
    raise InvalidRequest(
        rpt_("{} is no picture that Blender can read.").format(Path(path).name),
        rpt_("Choose another one."),
    )


class SPLATSMITH_FH_picture(bpy.types.FileHandler):
    """A picture dropped in the 3D viewport becomes the panel's."""

    bl_idname = "SPLATSMITH_FH_picture"
    bl_label = "Picture for Splatsmith"
    bl_import_operator = SPLATSMITH_OT_use_picture.bl_idname
    bl_file_extensions = ";".join(sorted(bpy.path.extensions_image))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (SPLATSMITH_OT_use_picture, SPLATSMITH_FH_splats, SPLATSMITH_FH_picture)


def register() -> None:
    for part in CLASSES:
        bpy.utils.register_class(part)


def unregister() -> None:
    for part in reversed(CLASSES):
        bpy.utils.unregister_class(part)
