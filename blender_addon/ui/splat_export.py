"""File > Export > Gaussian Splats, and the same in a collection's exporters."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import api
from ..contract.problems import InvalidRequest
from ..contract.splat_formats import TRAITS, SplatFormat, format_of_name
from ..contract.up_axis import UpAxis
from ..scene.splats import is_splats
from .api_operator import ApiOperator, backend_unavailable_reason, progress_cursor
from .up_axis_items import UP_AXIS_ITEMS, item_of, up_axis_of

SELECTED, VISIBLE, COLLECTION = "SELECTED", "VISIBLE", "COLLECTION"
MENU_LABEL = "Gaussian Splats (.ply, .spz, .sog, .splat, ...)"
WILDCARDS = ";".join(f"*{suffix}" for traits in TRAITS.values() for suffix in traits.suffixes)

OBJECTS = (
    (SELECTED, "Selected Objects", "The splats among the selected objects"),
    (VISIBLE, "Visible Objects", "All splats that are visible in the scene"),
    (COLLECTION, "Active Collection", "All splats in the active collection, hidden ones too"),
)
FORMATS = tuple(
    (each.name, f"{traits.title} ({traits.suffixes[0]})", f"Degree of harmonics: {traits.degree}")
    for each, traits in TRAITS.items()
)


class SPLATSMITH_OT_export_splats(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.export_splats"
    bl_label = "Export Gaussian Splats"
    bl_description = (
        "Write splat objects to one file, as they are in the scene: their location, rotation and "
        "scale are written into the splats"
    )
    bl_options = {"PRESET"}

    filepath: StringProperty(
        description="The file to write", subtype="FILE_PATH", options={"SKIP_SAVE", "SKIP_PRESET"}
    )
    check_existing: BoolProperty(
        description="Warn before a file is replaced", default=True, options={"HIDDEN"}
    )
    filter_glob: StringProperty(
        description="Which files the browser shows", default=WILDCARDS, options={"HIDDEN"}
    )
    collection: StringProperty(
        name="Source Collection",
        description="Write the splats of this collection, hidden ones too",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    file_format: EnumProperty(
        name="Format",
        description="PLY is written by Blender itself; all others need the backend, which writes "
        "them in the background",
        items=FORMATS,
        default=SplatFormat.PLY.name,
    )
    objects: EnumProperty(
        name="Limit to", description="Which objects are written", items=OBJECTS, default=SELECTED
    )
    up: EnumProperty(
        name="Up Axis",
        description="Which axis of the file points up. Y stands upright in glTF, game engines and "
        "most web viewers; -Y is how captures lie, and what SuperSplat expects of PLY files; Z is "
        "Blender's own. SPZ, glTF and USD files fix it themselves",
        items=UP_AXIS_ITEMS,
        default=item_of(UpAxis.Y),
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if not self.filepath:
            blend = bpy.data.filepath
            stem = str(Path(blend).with_suffix("")) if blend else "untitled"
            self.filepath = stem + self._suffix()
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: bpy.types.Context) -> bool:
        """The file's name in the browser follows the format."""
        renamed = _with_suffix(self.filepath, self._suffix())
        changed = renamed != self.filepath
        self.filepath = renamed
        return changed

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "file_format")
        if not self.collection:
            layout.prop(self, "objects")
        column = layout.column()
        column.active = not TRAITS[self._format()].says_up
        column.prop(self, "up")
        self._draw_summary(context)

    def call_api(self, context: bpy.types.Context) -> None:
        chosen = self._objects(context)
        path = self.filepath
        if format_of_name(path) is None or self.properties.is_property_set("file_format"):
            path = _with_suffix(path, self._suffix())
        up = up_axis_of(self.up) or UpAxis.Y
        with progress_cursor(context) as show:
            result = api.submit_export(chosen, path, up=up, on_progress=show)
        if isinstance(result, api.Export):
            for note in result.notes:
                self.report({"WARNING"}, rpt_(note))
            text = rpt_("{:,} splats written to {}").format(result.count, result.path.name)
            self.report({"INFO"}, text)
        else:
            name = Path(path).name
            text = rpt_("{} is being written; the list of jobs shows how far it is")
            self.report({"INFO"}, text.format(name))

    def _objects(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        """The chosen objects.

        Raises:
            InvalidRequest: there are none.
        """
        if self.collection:
            found = bpy.data.collections.get(self.collection)
            if found is None:
                text = rpt_("There is no collection {!r}.").format(self.collection)
                raise InvalidRequest(text, rpt_("Choose another collection."))
            return _with_splats(found.all_objects, _collection_text(self.collection))
        match self.objects:
            case "VISIBLE":
                seen = [obj for obj in context.view_layer.objects if obj.visible_get()]
                return _with_splats(seen, rpt_("What is visible has no splats in it."))
            case "COLLECTION":
                active = context.collection
                return _with_splats(active.all_objects, _collection_text(active.name))
            case _:
                selected = list(context.selected_objects)
                if not selected:
                    raise InvalidRequest(
                        rpt_("Nothing is selected."),
                        rpt_("Select Gaussian splats, or limit the export to visible objects."),
                    )
                return selected

    def _draw_summary(self, context: bpy.types.Context) -> None:
        try:
            splats = [obj for obj in self._objects(context) if is_splats(obj)]
        except InvalidRequest as error:
            self.layout.label(text=error.detail, icon="ERROR")
            return
        text = iface_("Splat objects: {}").format(len(splats))
        self.layout.label(text=text, icon="INFO" if splats else "ERROR")
        if self._format() is not SplatFormat.PLY:
            reason = backend_unavailable_reason(api.snapshot())
            if reason:
                self.layout.label(text=reason, icon="ERROR")

    def _format(self) -> SplatFormat:
        return SplatFormat[self.file_format]

    def _suffix(self) -> str:
        return TRAITS[self._format()].suffixes[0]


def _collection_text(name: str) -> str:
    return rpt_("The collection {!r} has no splats in it.").format(name)


def _with_splats(objects: list[bpy.types.Object], otherwise: str) -> list[bpy.types.Object]:
    """Those of `objects` that are splats; `otherwise` is the error where none are."""
    found = [obj for obj in objects if is_splats(obj)]
    if not found:
        raise InvalidRequest(otherwise, rpt_("Choose other objects."))
    return found


def _with_suffix(path: str, suffix: str) -> str:
    """`path` with `suffix` in the place of another format's."""
    known = format_of_name(path)
    if known is not None:
        endings = sorted(TRAITS[known].suffixes, key=len, reverse=True)
        ending = next(each for each in endings if path.lower().endswith(each))
        if suffix in endings:
            return path
        path = path[: -len(ending)]
    return path + suffix if Path(path).name else path


def _draw_in_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator_context = "INVOKE_DEFAULT"
    menu.layout.operator(SPLATSMITH_OT_export_splats.bl_idname, text=MENU_LABEL)


def register() -> None:
    bpy.utils.register_class(SPLATSMITH_OT_export_splats)
    bpy.types.TOPBAR_MT_file_export.append(_draw_in_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_file_export.remove(_draw_in_menu)
    bpy.utils.unregister_class(SPLATSMITH_OT_export_splats)
