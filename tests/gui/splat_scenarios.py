"""Scenarios of splat objects: editing, transforms, the viewport, and files."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
from mathutils import Vector

sys.path.append(str(Path(__file__).parent))
session = importlib.import_module("blender_session")
input_driver = importlib.import_module("input_driver")

Steps = Iterator[float]


def edit_splats() -> Steps:
    """Delete floaters, undo and redo it; crop by a new box; adjust colors."""
    session.api.import_asset(session.config["cloud"])
    bpy.ops.ed.undo_push(message="Splats")
    yield from select_splats()
    session.take_screenshot("panel")
    yield from session.call_operator("Delete Floaters")
    session.take_screenshot("floaters")
    session.report["without floaters"] = count_splats()
    yield from input_driver.send_input("key", "F9")
    yield 1.0
    session.take_screenshot("adjust")
    yield from input_driver.send_input("key", "Escape")
    yield from input_driver.send_input("key", "ctrl+z")
    session.report["after undo"] = count_splats()
    yield from input_driver.send_input("key", "ctrl+shift+z")
    session.report["after redo"] = count_splats()
    yield from session.call_operator("Add Crop Object")
    session.report["crop object"] = bpy.context.active_object.type
    session.take_screenshot("crop object")
    yield from input_driver.send_input("key", "g", "z", "0", "period", "5", "Return")  # half of it
    splats = next(obj for obj in bpy.data.objects if obj.type != "EMPTY")
    splats.select_set(True)
    bpy.context.view_layer.objects.active = splats
    yield from session.call_operator("Crop Splats")
    session.take_screenshot("cropped")
    session.report["cropped"] = count_splats()
    yield from session.call_operator("Adjust Colors")
    session.take_screenshot("colors")
    session.report["inputs"] = [each.name for each in session.api.splat_tools.color_inputs(splats)]


def select_splats() -> Steps:
    yield from input_driver.move_to_viewport()
    yield from input_driver.send_input("key", "a")
    bpy.context.view_layer.objects.active = bpy.context.selected_objects[0]
    yield 0.5


def count_splats() -> list[int]:
    objects = [obj for obj in bpy.data.objects if obj.type != "EMPTY"]
    return [session.api.splat_tools.count_splats(obj) for obj in objects]


def transform_and_repair_splats() -> Steps:
    """Turn splats by Blender's Apply and repair them, apply their transform, join a copy."""
    session.api.import_asset(session.config["cloud"])
    yield from select_all_splats()
    bpy.ops.ed.undo_push(message="Splats")
    session.take_screenshot("whole")
    yield from turn_by_keys()
    yield from choose_in_apply_menu("a")  # All Transforms
    session.take_screenshot("turned by Blender")
    session.report["turned by Blender"] = looks_turned()
    yield from session.call_operator("Repair Splats")
    session.take_screenshot("repaired")
    session.report["turned after repair"] = looks_turned()
    yield from input_driver.send_input("key", "ctrl+z")
    session.report["turned after undo"] = looks_turned()
    yield from input_driver.send_input("key", "ctrl+shift+z")
    session.report["turned after redo"] = looks_turned()
    yield from turn_by_keys()
    yield from session.call_operator("Apply Transform to Splats")
    session.take_screenshot("applied")
    session.report["turned after apply"] = looks_turned()
    session.report["has transform"] = any(
        not obj.matrix_basis.is_identity for obj in bpy.data.objects
    )
    for keys in ("shift+d", "x", "2", "Return"):
        yield from input_driver.send_input("key", keys)
    yield from select_all_splats()
    yield from session.call_operator("Join Splats")
    session.take_screenshot("joined")
    session.report["joined"] = session.names()
    session.report["turned after join"] = looks_turned()


def select_all_splats() -> Steps:
    bpy.context.view_layer.objects.active = bpy.data.objects[0]
    yield from input_driver.move_to_viewport()
    yield from input_driver.send_input("key", "a")


def turn_by_keys() -> Steps:
    """R Z 90 Return, with the selected objects."""
    for keys in ("r", "z", "9", "0", "Return"):
        yield from input_driver.send_input("key", keys)


def choose_in_apply_menu(*keys: str) -> Steps:
    for key in ("ctrl+a", *keys):
        yield from input_driver.send_input("key", key)


def looks_turned() -> list[bool]:
    """Whether the panel shows each object as turned without its shapes."""
    rest_positions = importlib.import_module(f"{session.config['module']}.scene.rest_positions")
    return [rest_positions.looks_turned(obj.data) for obj in bpy.data.objects]


def draw_and_pick_splats() -> Steps:
    """Look at splats in Solid shading, click them, turn on Rendered and Solid, undo and redo."""
    space = input_driver.area_of("VIEW_3D").spaces.active
    session.api.import_asset(session.config["cloud"])
    obj = bpy.context.scene.objects[0]
    obj_name = obj.name
    bpy.ops.ed.undo_push(message="Splats")
    yield 2.0
    yield from input_driver.move_to_viewport()
    yield from input_driver.send_input("key", "alt+a")
    session.take_screenshot("solid")
    session.report["shown"] = shown_types()
    session.report["selected"] = selected()
    place = obj.matrix_world @ (sum(map(Vector, obj.bound_box), Vector()) / 8)
    yield from input_driver.click_on(place)
    yield 3.0
    session.take_screenshot("picked")
    session.report["picked"] = selected()
    space.shading.type = "RENDERED"
    yield 5.0
    session.report["shown in Rendered"] = shown_types()
    space.shading.type = "SOLID"
    yield 2.0
    session.report["shown again"] = shown_types()
    yield from input_driver.move_to_viewport()
    yield from press_until("ctrl+z", lambda: obj_name not in session.names())
    yield from press_until("ctrl+shift+z", lambda: obj_name in session.names())
    yield 3.0
    session.take_screenshot("redone")


def press_until(key: str, is_done: Callable[[], bool]) -> Steps:
    """Press a key of undo until something is done, at most five times."""
    for _ in range(5):
        if is_done():
            return
        yield from input_driver.send_input("key", key)
        yield 2.0
    raise RuntimeError(f"{key} did not do it")


def shown_types() -> list[str]:
    """The kinds of what is shown in viewports, by nodes too."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    return sorted({instance.object.type for instance in depsgraph.object_instances})


def selected() -> list[str]:
    return sorted(obj.name for obj in bpy.context.view_layer.objects if obj.select_get())


def import_and_export_by_menu() -> Steps:
    """Choose File > Import, open a file, undo and redo; choose File > Export, and write one."""
    yield from session.save_scene_beside(session.config["cloud"])
    yield from input_driver.choose_last_entry("TOPBAR_MT_file_import")
    session.take_screenshot("import browser")
    yield from input_driver.open_first_file()
    yield from input_driver.wait_until(lambda: bpy.data.objects)
    yield 1.0
    session.take_screenshot("imported")
    session.report["made"] = session.names()
    yield from session.undo_and_redo()
    yield from input_driver.send_input("key", "a")
    yield from input_driver.choose_last_entry("TOPBAR_MT_file_export")
    yield from input_driver.wait_until(lambda: input_driver.area_of("FILE_BROWSER"))
    yield 1.0
    session.take_screenshot("export browser")
    yield from input_driver.send_input("key", "Return")
    yield from input_driver.wait_until(lambda: input_driver.area_of("VIEW_3D"))
    yield 1.0
    session.take_screenshot("exported")
    session.report["written"] = sorted(
        path.name for path in Path(session.config["cloud"]).parent.glob("*.ply")
    )


def drop_files() -> Steps:
    """Drop a splat file and a picture into the viewport."""
    yield from drop(session.config["cloud"])
    session.take_screenshot("drop menu")
    yield from input_driver.send_input("key", "End")
    yield from input_driver.send_input("key", "Return")
    session.take_screenshot("drop options")
    yield from input_driver.send_input("key", "Return")
    yield from input_driver.wait_until(lambda: bpy.data.objects)
    yield 1.0
    session.take_screenshot("dropped")
    session.report["made"] = session.names()
    yield from session.undo_and_redo()
    yield from drop(session.config["picture"])
    session.take_screenshot("picture menu")
    yield from input_driver.send_input("key", "End")
    yield from input_driver.send_input("key", "Return")
    yield 1.0
    session.take_screenshot("picture")
    picture = bpy.context.scene.splatsmith.picture
    session.report["picture"] = picture and picture.name


def drop(file: str) -> Steps:
    """What Blender does when a file is dropped into the viewport's middle."""
    path = Path(file)
    yield from input_driver.move_to_viewport()
    with input_driver.in_viewport():
        bpy.ops.wm.drop_import_file(
            "INVOKE_DEFAULT", directory=f"{path.parent}/", files=[{"name": path.name}]
        )
    yield 1.0
