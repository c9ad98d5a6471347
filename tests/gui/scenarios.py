"""Scenarios that run in Blender's window with real mouse and keyboard input, and write a report.

Run by test_window.py: blender --python scenarios.py -- CONFIG.json
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
from mathutils import Vector

sys.path.append(str(Path(__file__).parent))
input_driver = importlib.import_module("input_driver")

# Pixels from the sidebar's top to the widget's centre, at a UI scale of 1. Widgets below a picture
# move down; so do those below the line that asks for a prompt or a picture.
PROMPT_FIELD, PICTURE_FIELD, GENERATE_BUTTON = 64, 115, 190
MESH_BUTTON, MORE_HEADER, BATCH_BUTTON = 367, 507, 538
PICTURE_HEIGHT = 126
SIDES_HEIGHT = 75  # of the fields for pictures of other sides
CANCEL_WITH_PICTURE, CANCEL_FROM_LEFT = 580, 238

Steps = Iterator[float]
config = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text(encoding="utf-8"))
api = importlib.import_module(f"{config['module']}.api")
report: dict[str, object] = {}


def generate_chair() -> Steps:
    """Type a prompt, press Generate, undo and redo the import."""
    take_screenshot("empty")
    yield from input_driver.click(PROMPT_FIELD)
    yield from input_driver.send_input("type", config["prompt"])
    yield from input_driver.send_input("key", "Return")
    take_screenshot("prompt")
    yield from input_driver.click(GENERATE_BUTTON)
    yield from input_driver.wait_until(
        lambda: any(job.stage == "Generating" for job in api.snapshot().jobs)
    )
    yield 0.5
    take_screenshot("generating")
    yield from input_driver.wait_until(lambda: bpy.data.objects)
    yield 1.0
    take_screenshot("done")
    report["made"] = names()
    yield from undo_and_redo()
    report["prompt"] = bpy.context.scene.splatsmith.prompt


def extract_mesh_and_quads() -> Steps:
    """Press Mesh from Splats and Extract, then Quads from Mesh in the context menu."""
    settings = bpy.context.scene.splatsmith
    settings.face_budget, settings.texture = 2_000, "512"
    settings.automatic_detail, settings.resolution = False, 64
    api.import_asset(config["cloud"])
    bpy.ops.ed.undo_push(message="Splats")
    yield from input_driver.move_to_viewport()
    yield from input_driver.send_input("key", "a")
    yield from input_driver.click(MESH_BUTTON)
    yield 1.0
    take_screenshot("options")
    yield from input_driver.send_input("key", "Return")
    yield from input_driver.wait_until(lambda: len(bpy.data.objects) == 2)
    yield 1.0
    take_screenshot("mesh")
    report["made"], report["visible"] = names(), visible()
    yield from undo_and_redo()
    yield from input_driver.choose_last_context_menu_entry()
    yield 1.0
    take_screenshot("quads options")
    yield from input_driver.send_input("key", "Return")
    yield from input_driver.wait_until(lambda: len(bpy.data.objects) == 3)
    yield 1.0
    take_screenshot("quads")
    report["visible with quads"] = visible()
    yield from input_driver.send_input("key", "ctrl+z")
    report["visible without quads"] = visible()


def edit_splats() -> Steps:
    """Delete floaters, undo and redo it; crop by a new box; adjust colors."""
    api.import_asset(config["cloud"])
    bpy.ops.ed.undo_push(message="Splats")
    yield from select_splats()
    take_screenshot("panel")
    yield from call_operator("Delete Floaters")
    take_screenshot("floaters")
    report["without floaters"] = count_splats()
    yield from input_driver.send_input("key", "F9")
    yield 1.0
    take_screenshot("adjust")
    yield from input_driver.send_input("key", "Escape")
    yield from input_driver.send_input("key", "ctrl+z")
    report["after undo"] = count_splats()
    yield from input_driver.send_input("key", "ctrl+shift+z")
    report["after redo"] = count_splats()
    yield from call_operator("Add Crop Object")
    report["crop object"] = bpy.context.active_object.type
    take_screenshot("crop object")
    yield from input_driver.send_input("key", "s", "0", "period", "5", "Return")
    splats = next(obj for obj in bpy.data.objects if obj.type != "EMPTY")
    splats.select_set(True)
    bpy.context.view_layer.objects.active = splats
    yield from call_operator("Crop Splats")
    take_screenshot("cropped")
    report["cropped"] = count_splats()
    yield from call_operator("Adjust Colors")
    take_screenshot("colors")
    report["inputs"] = [each.name for each in api.splat_tools.color_inputs(splats)]


def select_splats() -> Steps:
    yield from input_driver.move_to_viewport()
    yield from input_driver.send_input("key", "a")
    bpy.context.view_layer.objects.active = bpy.context.selected_objects[0]
    yield 0.5


def call_operator(label: str) -> Steps:
    """Type an operator's name into the search menu of the viewport (F3)."""
    yield from input_driver.move_to_viewport()
    yield from input_driver.send_input("key", "F3")
    yield from input_driver.send_input("type", label)
    yield from input_driver.send_input("key", "Return")
    yield 1.0


def count_splats() -> list[int]:
    objects = [obj for obj in bpy.data.objects if obj.type != "EMPTY"]
    return [api.splat_tools.count_splats(obj) for obj in objects]


def open_picture_and_cancel() -> Steps:
    """Open a picture file, press Generate, then Cancel in the job's row."""
    yield from save_scene_beside(config["picture"])
    yield from input_driver.click(PICTURE_FIELD)
    yield from input_driver.open_first_file()
    take_screenshot("picture")
    report["picture"] = bpy.context.scene.splatsmith.picture.name
    yield from input_driver.click(GENERATE_BUTTON + PICTURE_HEIGHT)
    yield from input_driver.wait_until(
        lambda: any(job.state.value == "running" for job in api.snapshot().jobs)
    )
    take_screenshot("under way")
    yield from input_driver.click(CANCEL_WITH_PICTURE, CANCEL_FROM_LEFT)
    yield from input_driver.wait_until(lambda: api.snapshot().jobs[0].state.is_final)
    yield 1.0
    take_screenshot("cancelled")
    report["ended"] = api.snapshot().jobs[0].state.value
    report["made"] = names()


def generate_from_picture_while_it_sharpens() -> Steps:
    """Choose DiffusionGS, open a picture, press Generate, look at its views while they sharpen."""
    api.start()
    yield from input_driver.wait_until(
        lambda: any(card.id == "diffusiongs" for card in api.snapshot().engines)
    )
    scene = bpy.context.scene
    scene.splatsmith.engine = "diffusiongs"
    options = engine_options("diffusiongs")
    options.variant, options.steps = "object-256", 8
    options.elevation, options.foreground_ratio = 15, 0.7
    yield from save_scene_beside(config["picture"])
    yield from input_driver.click(PICTURE_FIELD)
    yield from input_driver.open_first_file()
    take_screenshot("chosen")
    yield from input_driver.click(GENERATE_BUTTON + PICTURE_HEIGHT + SIDES_HEIGHT)
    yield from input_driver.wait_until(
        lambda: any(job.unfinished is not None for job in api.snapshot().jobs)
    )
    yield 2.0
    take_screenshot("sharpening")
    yield from input_driver.wait_until(lambda: names() or api.snapshot().jobs[0].state.is_final)
    yield 3.0
    take_screenshot("done")
    report["state"] = api.snapshot().jobs[0].state.value
    report["made"] = names()
    yield from undo_and_redo()


def engine_options(engine: str) -> bpy.types.PropertyGroup:
    properties = importlib.import_module(f"{config['module']}.ui.properties")
    assert bpy.context.scene.splatsmith.engine == engine
    return properties.engine_group(bpy.context.scene.splatsmith)


def submit_batch() -> Steps:
    """Open More, press Generate Batch, choose the prompts file."""
    yield from save_scene_beside(config["prompts"])
    yield from input_driver.click(MORE_HEADER)
    take_screenshot("more")
    yield from input_driver.click(BATCH_BUTTON)
    yield from input_driver.open_first_file()
    yield from input_driver.wait_until(lambda: api.snapshot().jobs)
    take_screenshot("batch")
    report["ordered"] = sorted(job.title for job in api.snapshot().jobs)
    for job in api.snapshot().jobs:
        api.cancel(job.key)


def transform_and_repair_splats() -> Steps:
    """Turn splats by Blender's Apply and repair them, apply their transform, join a copy."""
    api.import_asset(config["cloud"])
    yield from select_all_splats()
    bpy.ops.ed.undo_push(message="Splats")
    take_screenshot("whole")
    yield from turn_by_keys()
    yield from choose_in_apply_menu("a")  # All Transforms
    take_screenshot("turned by Blender")
    report["turned by Blender"] = looks_turned()
    yield from choose_in_apply_menu("End", "Return")
    take_screenshot("repaired")
    report["turned after repair"] = looks_turned()
    yield from input_driver.send_input("key", "ctrl+z")
    report["turned after undo"] = looks_turned()
    yield from input_driver.send_input("key", "ctrl+shift+z")
    report["turned after redo"] = looks_turned()
    yield from turn_by_keys()
    yield from choose_in_apply_menu("End", "Up", "Return")
    take_screenshot("applied")
    report["turned after apply"] = looks_turned()
    report["has transform"] = any(not obj.matrix_basis.is_identity for obj in bpy.data.objects)
    for keys in ("shift+d", "x", "2", "Return"):
        yield from input_driver.send_input("key", keys)
    yield from select_all_splats()
    yield from choose_by_search("Join Splats")
    take_screenshot("joined")
    report["joined"] = names()
    report["turned after join"] = looks_turned()


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


def choose_by_search(label: str) -> Steps:
    yield from input_driver.send_input("key", "F3")
    yield from input_driver.send_input("type", label)
    yield from input_driver.send_input("key", "Return")


def looks_turned() -> list[bool]:
    """Whether the panel shows each object as turned without its shapes."""
    rest_positions = importlib.import_module(f"{config['module']}.scene.rest_positions")
    return [rest_positions.looks_turned(obj.data) for obj in bpy.data.objects]


def draw_and_pick_splats() -> Steps:
    """Look at splats in Solid shading, click them, turn on Rendered and Solid, undo and redo."""
    space = input_driver.area_of("VIEW_3D").spaces.active
    api.import_asset(config["cloud"])
    obj = bpy.context.scene.objects[0]
    bpy.ops.ed.undo_push(message="Splats")
    yield 2.0
    yield from input_driver.move_to_viewport()
    yield from input_driver.send_input("key", "alt+a")
    take_screenshot("solid")
    report["shown"] = shown_types()
    report["selected"] = selected()
    place = obj.matrix_world @ (sum(map(Vector, obj.bound_box), Vector()) / 8)
    yield from input_driver.click_on(place)
    yield 3.0
    take_screenshot("picked")
    report["picked"] = selected()
    space.shading.type = "RENDERED"
    yield 5.0
    report["shown in Rendered"] = shown_types()
    space.shading.type = "SOLID"
    yield 2.0
    report["shown again"] = shown_types()
    yield from input_driver.move_to_viewport()
    while names():  # the click, Deselect All, the import
        yield from input_driver.send_input("key", "ctrl+z")
    while not names():
        yield from input_driver.send_input("key", "ctrl+shift+z")
    yield 3.0
    take_screenshot("redone")


def shown_types() -> list[str]:
    """The kinds of what is shown in viewports, by nodes too."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    return sorted({instance.object.type for instance in depsgraph.object_instances})


def selected() -> list[str]:
    return sorted(obj.name for obj in bpy.context.view_layer.objects if obj.select_get())


def import_and_export_by_menu() -> Steps:
    """Choose File > Import, open a file, undo and redo; choose File > Export, and write one."""
    yield from save_scene_beside(config["cloud"])
    yield from input_driver.choose_last_entry("TOPBAR_MT_file_import")
    take_screenshot("import browser")
    yield from input_driver.open_first_file()
    yield from input_driver.wait_until(lambda: bpy.data.objects)
    yield 1.0
    take_screenshot("imported")
    report["made"] = names()
    yield from undo_and_redo()
    yield from input_driver.send_input("key", "a")
    yield from input_driver.choose_last_entry("TOPBAR_MT_file_export")
    yield from input_driver.wait_until(lambda: input_driver.area_of("FILE_BROWSER"))
    yield 1.0
    take_screenshot("export browser")
    yield from input_driver.send_input("key", "Return")
    yield from input_driver.wait_until(lambda: input_driver.area_of("VIEW_3D"))
    yield 1.0
    take_screenshot("exported")
    report["written"] = sorted(path.name for path in Path(config["cloud"]).parent.glob("*.ply"))


def drop_files() -> Steps:
    """Drop a splat file and a picture into the viewport."""
    yield from drop(config["cloud"])
    take_screenshot("drop menu")
    yield from input_driver.send_input("key", "End")
    yield from input_driver.send_input("key", "Return")
    take_screenshot("drop options")
    yield from input_driver.send_input("key", "Return")
    yield from input_driver.wait_until(lambda: bpy.data.objects)
    yield 1.0
    take_screenshot("dropped")
    report["made"] = names()
    yield from undo_and_redo()
    yield from drop(config["picture"])
    take_screenshot("picture menu")
    yield from input_driver.send_input("key", "End")
    yield from input_driver.send_input("key", "Return")
    yield 1.0
    take_screenshot("picture")
    picture = bpy.context.scene.splatsmith.picture
    report["picture"] = picture and picture.name


def drop(file: str) -> Steps:
    """What Blender does when a file is dropped into the viewport's middle."""
    path = Path(file)
    yield from input_driver.move_to_viewport()
    with input_driver.in_viewport():
        bpy.ops.wm.drop_import_file(
            "INVOKE_DEFAULT", directory=f"{path.parent}/", files=[{"name": path.name}]
        )
    yield 1.0


def save_scene_beside(file: str) -> Steps:
    """Save the scene beside `file`, so that the file browser opens there."""
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(file).with_name("scene.blend")))
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
    yield 0.5


def undo_and_redo() -> Steps:
    yield from input_driver.move_to_viewport()
    yield from input_driver.send_input("key", "ctrl+z")
    report["after undo"] = names()
    yield from input_driver.send_input("key", "ctrl+shift+z")
    report["after redo"] = names()


def names() -> list[str]:
    return sorted(obj.name for obj in bpy.data.objects)


def visible() -> list[str]:
    return sorted(obj.name for obj in bpy.data.objects if obj.visible_get())


def take_screenshot(name: str) -> None:
    input_driver.take_screenshot(config["pictures"], f"{config['scenario']} {name}")


def prepare() -> Steps:
    """Set up an empty scene and the panel, and wait for the backend's engines."""
    settings = replace(
        api.default_settings(),
        folder=Path(config["folder"]),
        environment=Path(config["environment"]),
    )
    api.configure(settings)
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    bpy.ops.ed.undo_push(message="An empty scene")
    input_driver.area_of("VIEW_3D").spaces.active.show_region_ui = True
    yield 1.0
    input_driver.region_of("UI").active_panel_category = "Splatsmith"
    api.start()
    yield from input_driver.wait_until(lambda: api.snapshot().engines)
    yield 0.5


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        generate_chair,
        extract_mesh_and_quads,
        edit_splats,
        open_picture_and_cancel,
        generate_from_picture_while_it_sharpens,
        submit_batch,
        transform_and_repair_splats,
        draw_and_pick_splats,
        import_and_export_by_menu,
        drop_files,
    )
}


def run_scenario() -> Steps:
    """Prepare, then run the configured scenario; yields the seconds to wait between the steps."""
    yield from prepare()
    yield from SCENARIOS[config["scenario"]]()


def main() -> None:
    bpy.context.preferences.view.show_splash = False  # it would take the first click
    steps = run_scenario()

    def advance() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            pass
        except Exception:  # noqa: BLE001  (the script's edge: goes into the report)
            report["error"] = f"{traceback.format_exc()}\n{api.snapshot()}"
        Path(config["report"]).write_text(json.dumps(report), encoding="utf-8")
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(advance, first_interval=2.0)


main()
