"""File > Import > Gaussian Splats."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, StringProperty

from .. import api
from ..contract.problems import InvalidRequest
from ..contract.splat_formats import TRAITS
from ..link.upload_packing import SOG_META
from ..scene.visibility import select_only
from .api_operator import ApiOperator, translated_sentence
from .up_axis_items import UP_AXIS_ITEMS, up_axis_of

DIALOG_WIDTH = 320
AUTOMATIC = "AUTO"
GROUND, FILE = "GROUND", "FILE"
MENU_LABEL = "Gaussian Splats (.ply, .spz, .sog, .splat, ...)"
SUFFIXES = tuple(suffix for traits in TRAITS.values() for suffix in traits.suffixes)

PLACES = (
    (GROUND, "On the Ground", "Upright at the 3D cursor"),
    (FILE, "As in the File", "At the place and with the size that the file gives them"),
)
FROM_FILE = (AUTOMATIC, "Automatic", "What the file says; Y if it says nothing", 0)


class SPLATSMITH_OT_import_splats(ApiOperator, bpy.types.Operator):
    bl_idname = "splatsmith.import_splats"
    bl_label = "Import Gaussian Splats"
    bl_description = (
        "Import splat files, or a folder of Splatsmith's results. Other formats than plain PLY are "
        "converted by the backend first"
    )
    bl_options = {"REGISTER", "UNDO", "PRESET"}

    filepath: StringProperty(
        description="The file or folder",
        subtype="FILE_PATH",
        options={"HIDDEN", "SKIP_SAVE", "SKIP_PRESET"},
    )
    directory: StringProperty(
        description="The folder of the files",
        subtype="DIR_PATH",
        options={"HIDDEN", "SKIP_SAVE", "SKIP_PRESET"},
    )
    files: CollectionProperty(
        type=bpy.types.OperatorFileListElement,
        description="The files, by their names",
        options={"HIDDEN", "SKIP_SAVE", "SKIP_PRESET"},
    )
    filter_glob: StringProperty(
        description="Which files the browser shows",
        default=";".join([*(f"*{suffix}" for suffix in SUFFIXES), SOG_META]),
        options={"HIDDEN"},
    )
    up: EnumProperty(
        name="Up Axis",
        description="Which axis of the file points up. Most captures do not say; many lie with -Y "
        "up: try that if they come in upside down",
        items=(FROM_FILE, *UP_AXIS_ITEMS),
        default=AUTOMATIC,
    )
    place: EnumProperty(name="Place", description="Where they are put", items=PLACES)
    keep_size: BoolProperty(
        name="Keep Size", description="Take the file's units for metres", default=False
    )
    size: FloatProperty(
        name="Size",
        description="The longest edge",
        subtype="DISTANCE",
        default=1.0,
        min=1e-4,
        soft_max=100.0,
    )
    scale: FloatProperty(
        name="Scale",
        description="How many metres one unit of the file is",
        default=1.0,
        min=1e-6,
        soft_min=0.01,
        soft_max=100.0,
    )

    jobs: StringProperty(
        description="The keys of the jobs that were submitted: changed options cancel them",
        options={"HIDDEN", "SKIP_SAVE", "SKIP_PRESET"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if not self.properties.is_property_set("size"):
            self.size = context.scene.splatsmith.size
        if self.files or self.filepath:  # dropped
            return context.window_manager.invoke_props_dialog(
                self,
                width=DIALOG_WIDTH,
                title=iface_(self.bl_label, "Operator"),
                confirm_text="Import",
            )
        # A folder: otherwise the browser suggests the .blend's name, and accepts no folder.
        self.filepath = bpy.path.abspath("//") or f"{Path.home()}/"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "up")
        layout.prop(self, "place")
        if self.place == GROUND:
            layout.prop(self, "keep_size")
        layout.prop(self, "size" if self._gets_size() else "scale")

    def call_api(self, _context: bpy.types.Context) -> None:
        paths = self._paths()
        for key in self.jobs.split():
            api.cancel(key)
        report = api.import_assets(paths, placement=self._placement(), up=up_axis_of(self.up))
        if report.failures and not (report.assets or report.keys) and len(report.failures) == 1:
            raise next(iter(report.failures.values()))
        self.jobs = " ".join(report.keys.values())
        self._report(report)
        imported = [obj for asset in report.assets for obj in asset.objects.values()]
        if imported and bpy.context.mode == "OBJECT":
            select_only(imported)
        if not (report.assets or report.keys):
            raise InvalidRequest(
                f"None of the {len(paths)} files could be imported.",
                rpt_("Choose files of Gaussian splats, or a folder of Splatsmith's results."),
            )

    def _paths(self) -> list[Path]:
        """The chosen files, or the folder that the browser shows if none is chosen."""
        folder = Path(bpy.path.abspath(self.directory))
        chosen = [folder / each.name for each in self.files if each.name]
        return chosen or [Path(bpy.path.abspath(self.filepath or self.directory))]

    def _gets_size(self) -> bool:
        return self.place == GROUND and not self.keep_size

    def _placement(self) -> api.Placement:
        if self._gets_size():
            return api.Placement(size=self.size)
        return api.Placement(size=None, scale=self.scale, keep_place=self.place == FILE)

    def _report(self, report: api.ImportReport) -> None:
        for path, error in report.failures.items():
            self.report({"ERROR"}, f"{path.name}: {translated_sentence(error.problem)}")
        for asset in report.assets:
            for note in asset.notes:
                self.report({"WARNING"}, f"{asset.name}: {rpt_(note)}")
        if report.ignored:
            names = ", ".join(path.name for path in report.ignored)
            text = rpt_("Left out, since the name begins with a dot: {}")
            self.report({"WARNING"}, text.format(names))
        if report.keys:
            names = ", ".join(path.name for path in report.keys)
            text = rpt_("Being converted, see the list of jobs: {}")
            self.report({"INFO"}, text.format(names))


def _draw_in_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator_context = "INVOKE_DEFAULT"
    menu.layout.operator(SPLATSMITH_OT_import_splats.bl_idname, text=MENU_LABEL)


def register() -> None:
    bpy.utils.register_class(SPLATSMITH_OT_import_splats)
    bpy.types.TOPBAR_MT_file_import.append(_draw_in_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_file_import.remove(_draw_in_menu)
    bpy.utils.unregister_class(SPLATSMITH_OT_import_splats)
