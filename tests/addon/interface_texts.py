"""Every text of the add-on's interface: of its registered classes, and of its sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import bpy

from blender_addon import ui
from blender_addon.contract.cards import SIDE_CONDITIONS
from blender_addon.contract.protocol import JobState
from blender_addon.link import backend_builds
from blender_addon.link.snapshot import BackendState
from blender_addon.ui import checkpoints, file_drop, installation, splat_export
from blender_addon.ui.splat_panel import sections

SOURCES = Path(ui.__file__).parent
LOOKUPS = {"iface_", "rpt_", "tip_"}
TEXT_ARGUMENTS = {"text", "heading", "placeholder", "title", "confirm_text", "message"}


def own_classes() -> list[type]:
    """The registered operators, panels, menus, file handlers, property groups and preferences."""
    kinds = (
        bpy.types.Operator,
        bpy.types.Panel,
        bpy.types.Menu,
        bpy.types.FileHandler,
        bpy.types.PropertyGroup,
        bpy.types.AddonPreferences,
    )
    found = [each for kind in kinds for each in kind.__subclasses__()]
    return [each for each in found if each.__module__.startswith("blender_addon") and is_used(each)]


def is_used(part: type) -> bool:
    """Whether the class is registered, and no engine's, whose texts come from the backend."""
    return "bl_rna" in vars(part) and "SplatsmithEngine_" not in part.__name__


def own_properties(part: type) -> list[bpy.types.Property]:
    """The properties that the add-on declares for a class."""
    names = {name for base in part.__mro__ for name in vars(base).get("__annotations__", {})}
    return [prop for prop in rna_type(part).properties if prop.identifier in names]


def rna_type(part: type) -> bpy.types.Struct:
    """The struct that has the class's properties: an operator's are not in its own `bl_rna`."""
    if not issubclass(part, bpy.types.Operator):
        return part.bl_rna
    module, name = operator_name(part).split(".")
    return getattr(getattr(bpy.ops, module), name).get_rna_type()


def operator_name(part: type[bpy.types.Operator]) -> str:
    """As in `bpy.ops`; a registered class's `bl_idname` may be its RNA identifier."""
    return part.bl_rna.identifier.replace("_OT_", ".").lower()


def texts_of_classes() -> Iterator[str]:
    for part in own_classes():
        yield getattr(part, "bl_label", "")
        if issubclass(part, bpy.types.Operator):
            yield part.bl_description
        for prop in own_properties(part):
            yield from texts_of_property(prop)
    for owner, name in (
        (bpy.types.Scene, "splatsmith_crop_object"),
        (bpy.types.WindowManager, "splatsmith_job_page"),
        (bpy.types.WindowManager, "splatsmith_history_search"),
        (bpy.types.WindowManager, "splatsmith_history_page"),
    ):
        yield from texts_of_property(owner.bl_rna.properties[name])


def texts_of_property(prop: bpy.types.Property) -> Iterator[str]:
    if prop.name != prop.identifier:
        yield prop.name
    yield prop.description
    # The formats' names and the engines' are names of things, the same in all languages.
    if prop.type == "ENUM" and prop.identifier not in ("file_format", "engine"):
        for item in prop.enum_items_static:
            yield item.name
            yield item.description


def texts_of_sources() -> Iterator[str]:
    """What is looked up in `ui`, and what is given to Blender's layouts, which look it up."""
    for path in sorted(SOURCES.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id in LOOKUPS and node.args:
                yield from literals(node.args[0])
            for keyword in node.keywords:
                if keyword.arg in TEXT_ARGUMENTS:
                    yield from literals(keyword.value)


def literals(node: ast.expr) -> Iterator[str]:
    """Texts that an argument is, or may be by a condition."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from literals(body)
            yield from literals(orelse)
        case ast.BoolOp(values=values):
            for value in values:
                yield from literals(value)


def texts_of_values() -> Iterator[str]:
    """What is looked up from variables."""
    yield from (state.value.capitalize() for state in BackendState)
    yield from (state.value.capitalize() for state in JobState)
    yield from (side.capitalize() for side in SIDE_CONDITIONS)
    builds = (backend_builds._CPU, backend_builds._APPLE, *backend_builds._BUILDS.values())
    yield from (build.title for build in builds)
    yield from (section.name for section in sections())
    yield from (installation.OFFLINE_TEXT, checkpoints.OFFLINE, splat_export.MENU_LABEL)
    yield from (part.bl_label for part in file_drop.CLASSES)
    yield from ("Opacity", "Size", "Distance", "Sprout", "Nothing is missing.")
    yield from ("Variant", "Which of the engine's networks is used")  # of each engine's class
    yield from (part.task_name for part in own_classes() if hasattr(part, "task_name"))
    yield from ("Preview", "Good", "Small views")  # what cards say of their quality


def interface_texts() -> set[str]:
    """All of them, without what has no letters."""
    sources = (texts_of_classes(), texts_of_sources(), texts_of_values())
    return {text for texts in sources for text in texts if any(c.isalpha() for c in text)}
