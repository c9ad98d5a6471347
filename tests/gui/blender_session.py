"""What scenarios share: their configuration and report, the add-on, and common steps."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
input_driver = importlib.import_module("input_driver")

Steps = Iterator[float]
config = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text(encoding="utf-8"))
api = importlib.import_module(f"{config['module']}.api")
report: dict[str, object] = {}


def call_operator(label: str) -> Steps:
    """Type an operator's name into the search menu of the viewport."""
    yield from input_driver.move_to_viewport()
    view = input_driver.area_of("VIEW_3D"), input_driver.region_of("WINDOW")
    with bpy.context.temp_override(window=input_driver.window(), area=view[0], region=view[1]):
        bpy.ops.wm.search_menu("INVOKE_DEFAULT")
    yield input_driver.UI_SECONDS
    yield from input_driver.send_input("type", label)
    yield from input_driver.send_input("key", "Return")
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
