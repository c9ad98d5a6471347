"""The manual: a page inside the extension, opened in the browser, also by Online Manual."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy
from bpy.props import StringProperty

from .markdown_page import html_page

ADDON_FOLDER = Path(__file__).resolve().parent.parent
NAME = "blender.md"
# Patterns of RNA paths, in lower case, and the section that tells of them; the first one counts.
SECTIONS = (
    ("bpy.ops.splatsmith.apply_transform*", "transforms-joining-and-repair"),
    ("bpy.ops.splatsmith.join_splats*", "transforms-joining-and-repair"),
    ("bpy.ops.splatsmith.repair_splats*", "transforms-joining-and-repair"),
    ("bpy.ops.splatsmith.add_crop_object*", "editing-splats"),
    ("bpy.ops.splatsmith.crop_splats*", "editing-splats"),
    ("bpy.ops.splatsmith.delete_floaters*", "editing-splats"),
    ("bpy.ops.splatsmith.limit_splats*", "editing-splats"),
    ("bpy.ops.splatsmith.adjust_colors*", "editing-splats"),
    ("bpy.ops.splatsmith.bake_colors*", "editing-splats"),
    ("bpy.ops.splatsmith.import_splats*", "splat-files-in-and-out"),
    ("bpy.ops.splatsmith.export_splats*", "splat-files-in-and-out"),
    ("bpy.ops.splatsmith.use_picture*", "splat-files-in-and-out"),
    ("bpy.ops.splatsmith.make_splats_native*", "native-splats"),
    ("bpy.ops.splatsmith.import_job*", "where-results-stand"),
    ("bpy.types.splatsmithsettings.size*", "size-and-place"),
    ("bpy.types.splatsmithsettings.at_cursor_exactly*", "where-results-stand"),
    ("bpy.types.splatsmithpreferences.draws_splats*", "splats-in-the-viewport"),
    ("bpy.types.splatsmithpreferences.viewport_quality*", "splats-in-the-viewport"),
    ("bpy.types.splatsmithpreferences.*", "preferences-while-jobs-run"),
    ("bpy.ops.splatsmith.*", "in-blender"),
    ("bpy.types.splatsmith*", "in-blender"),
)


class SPLATSMITH_OT_manual(bpy.types.Operator):
    bl_idname = "splatsmith.manual"
    bl_label = "Splatsmith Manual"
    bl_description = "Open the manual in the browser; it is a file of the extension"

    section: StringProperty(
        description="The anchor of a section. Empty: the beginning", options={"SKIP_SAVE"}
    )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        anchor = f"#{self.section}" if self.section else ""
        bpy.ops.wm.url_open(url=f"{manual_page().as_uri()}{anchor}")
        return {"FINISHED"}


def manual_source() -> Path:
    """The manual as Markdown: inside the extension, or in a checkout's `docs`."""
    shipped = ADDON_FOLDER / "docs" / NAME
    return shipped if shipped.is_file() else ADDON_FOLDER.parent / "docs" / NAME


def manual_page() -> Path:
    """The manual as HTML, written anew into this Blender's temporary folder."""
    folder = Path(bpy.app.tempdir or tempfile.gettempdir())
    page = folder / "splatsmith_manual.html"
    page.write_text(html_page(manual_source().read_text("utf-8"), "Splatsmith"), "utf-8")
    return page


def manual_map() -> tuple[str, tuple[tuple[str, str], ...]]:
    """What Online Manual opens: the page, and the section of each operator and property."""
    return manual_page().as_uri(), tuple((path, f"#{section}") for path, section in SECTIONS)


def draw_manual_button(layout: bpy.types.UILayout, text: str | None = None) -> None:
    if text is None:
        layout.operator(SPLATSMITH_OT_manual.bl_idname, icon="HELP")
    else:
        layout.operator(SPLATSMITH_OT_manual.bl_idname, text=text, icon="HELP", emboss=False)


def register() -> None:
    bpy.utils.register_class(SPLATSMITH_OT_manual)
    bpy.utils.register_manual_map(manual_map)


def unregister() -> None:
    bpy.utils.unregister_manual_map(manual_map)
    bpy.utils.unregister_class(SPLATSMITH_OT_manual)
