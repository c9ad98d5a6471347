"""An artist at work, inside Blender's window: types, clicks, waits, undoes; then tells how it went.

Run by test_window.py: blender --python artist.py -- ORDERS.json
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

sys.path.append(str(Path(__file__).parent))
hands = importlib.import_module("hands")

# From the sidebar's top to the middle of the widget, in pixels at the scale of 1. A picture pushes
# all that follows it down; without prompt or picture, a line that asks for one does so too.
PROMPT_FIELD, PICTURE_FIELD, GENERATE_BUTTON = 64, 115, 190
MESH_BUTTON, MORE_HEADER, BATCH_BUTTON = 367, 507, 538
PICTURE_HEIGHT = 126
CANCEL_WITH_PICTURE, CANCEL_FROM_LEFT = 580, 238

Steps = Iterator[float]
orders = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text(encoding="utf-8"))
api = importlib.import_module(f"{orders['module']}.api")
told: dict[str, object] = {}


def make_a_chair() -> Steps:
    """Type a prompt, press Generate, take it back and have it again."""
    photograph("empty")
    yield from hands.click(PROMPT_FIELD)
    yield from hands.act("type", orders["prompt"])
    yield from hands.act("key", "Return")
    photograph("prompt")
    yield from hands.click(GENERATE_BUTTON)
    yield from hands.until(lambda: any(job.stage == "Generating" for job in api.snapshot().jobs))
    yield 0.5
    photograph("generating")
    yield from hands.until(lambda: bpy.data.objects)
    yield 1.0
    photograph("done")
    told["made"] = names()
    yield from undo_and_redo()
    told["prompt"] = bpy.context.scene.splatsmith.prompt


def make_a_mesh_of_splats() -> Steps:
    """Press Mesh from Splats and Extract; then quads, from the context menu."""
    settings = bpy.context.scene.splatsmith
    settings.face_budget, settings.texture = 2_000, "512"
    settings.automatic_detail, settings.resolution = False, 64
    api.import_asset(orders["cloud"])
    bpy.ops.ed.undo_push(message="Splats")
    yield from hands.move_over_the_scene()
    yield from hands.act("key", "a")
    yield from hands.click(MESH_BUTTON)
    yield 1.0
    photograph("options")
    yield from hands.act("key", "Return")
    yield from hands.until(lambda: len(bpy.data.objects) == 2)
    yield 1.0
    photograph("mesh")
    told["made"], told["seen"] = names(), seen()
    yield from undo_and_redo()
    yield from hands.choose_last_in_context_menu()
    yield 1.0
    photograph("quads options")
    yield from hands.act("key", "Return")
    yield from hands.until(lambda: len(bpy.data.objects) == 3)
    yield 1.0
    photograph("quads")
    told["seen with quads"] = seen()
    yield from hands.act("key", "ctrl+z")
    told["seen without quads"] = seen()


def choose_a_picture_and_cancel() -> Steps:
    """Find a picture on the disk, press Generate, then the cross in the job's row."""
    yield from work_beside(orders["picture"])
    yield from hands.click(PICTURE_FIELD)
    yield from hands.open_first_file()
    photograph("picture")
    told["picture"] = bpy.context.scene.splatsmith.picture.name
    yield from hands.click(GENERATE_BUTTON + PICTURE_HEIGHT)
    yield from hands.until(lambda: any(job.state.value == "running" for job in api.snapshot().jobs))
    photograph("under way")
    yield from hands.click(CANCEL_WITH_PICTURE, CANCEL_FROM_LEFT)
    yield from hands.until(lambda: api.snapshot().jobs[0].state.is_final)
    yield 1.0
    photograph("cancelled")
    told["ended"] = api.snapshot().jobs[0].state.value
    told["made"] = names()


def order_a_batch() -> Steps:
    """Open More, press Generate Batch, find the file of prompts."""
    yield from work_beside(orders["prompts"])
    yield from hands.click(MORE_HEADER)
    photograph("more")
    yield from hands.click(BATCH_BUTTON)
    yield from hands.open_first_file()
    yield from hands.until(lambda: api.snapshot().jobs)
    photograph("batch")
    told["ordered"] = sorted(job.title for job in api.snapshot().jobs)
    for job in api.snapshot().jobs:
        api.cancel(job.id)


def work_beside(file: str) -> Steps:
    """Save the scene beside `file`, where the file browser then begins."""
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(file).with_name("scene.blend")))
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
    yield 0.5


def undo_and_redo() -> Steps:
    yield from hands.move_over_the_scene()
    yield from hands.act("key", "ctrl+z")
    told["after undo"] = names()
    yield from hands.act("key", "ctrl+shift+z")
    told["after redo"] = names()


def names() -> list[str]:
    return sorted(obj.name for obj in bpy.data.objects)


def seen() -> list[str]:
    return sorted(obj.name for obj in bpy.data.objects if obj.visible_get())


def photograph(name: str) -> None:
    hands.photograph(orders["pictures"], f"{orders['story']} {name}")


def prepare() -> Steps:
    """An empty scene, and the panel with the backend's engines in it."""
    settings = replace(
        api.default_settings(),
        folder=Path(orders["folder"]),
        environment=Path(orders["environment"]),
    )
    api.configure(settings)
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    bpy.ops.ed.undo_push(message="An empty scene")
    hands.area_of("VIEW_3D").spaces.active.show_region_ui = True
    yield 1.0
    hands.region_of("UI").active_panel_category = "Splatsmith"
    api.start()
    yield from hands.until(lambda: api.snapshot().engines)
    yield 0.5


STORIES = {
    story.__name__: story
    for story in (
        make_a_chair,
        make_a_mesh_of_splats,
        choose_a_picture_and_cancel,
        order_a_batch,
    )
}


def work() -> Steps:
    """What the artist does, with pauses in seconds between the steps."""
    yield from prepare()
    yield from STORIES[orders["story"]]()


def main() -> None:
    bpy.context.preferences.view.show_splash = False  # it would take the first click
    steps = work()

    def pulse() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            pass
        except Exception:  # noqa: BLE001  (the end of the script: told to the test)
            told["error"] = f"{traceback.format_exc()}\n{api.snapshot()}"
        Path(orders["report"]).write_text(json.dumps(told), encoding="utf-8")
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(pulse, first_interval=2.0)


main()
