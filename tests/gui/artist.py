"""An artist at work, inside Blender's window: types, clicks, waits, undoes; then tells how it went.

Run by test_window.py: blender --python artist.py -- ORDERS.json
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import bpy

PULSE = 0.05
HUMAN_PAUSE = 1.0
PATIENCE = 200.0
# From the sidebar's top to the middle of the widget, in pixels at the scale of 1.
PROMPT_FIELD, GENERATE_BUTTON = 64, 190

Pause = float
orders = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text(encoding="utf-8"))
api = importlib.import_module(f"{orders['module']}.api")
told: dict[str, object] = {}


def work() -> Iterator[Pause]:
    """What the artist does, with pauses in seconds between the steps."""
    configure()
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    bpy.ops.ed.undo_push(message="An empty scene")
    yield from open_sidebar()
    photograph("1-empty")
    yield from click(PROMPT_FIELD)
    yield from act("type", orders["prompt"])
    yield from act("key", "Return")
    photograph("2-prompt")
    yield from click(GENERATE_BUTTON)
    yield from until(lambda: any(job.stage == "Generating" for job in api.snapshot().jobs))
    yield 0.5
    photograph("3-generating")
    yield from until(lambda: bool(bpy.data.objects))
    yield 1.0
    photograph("4-done")
    told["made"] = sorted(obj.name for obj in bpy.data.objects)
    yield from move_over_the_scene()
    yield from act("key", "ctrl+z")
    told["after undo"] = sorted(obj.name for obj in bpy.data.objects)
    yield from act("key", "ctrl+shift+z")
    told["after redo"] = sorted(obj.name for obj in bpy.data.objects)
    told["prompt"] = bpy.context.scene.splatsmith.prompt


def configure() -> None:
    settings = replace(
        api.default_settings(),
        folder=Path(orders["folder"]),
        environment=Path(orders["environment"]),
    )
    api.configure(settings)


def open_sidebar() -> Iterator[Pause]:
    view().spaces.active.show_region_ui = True
    yield 1.0
    sidebar().active_panel_category = "Splatsmith"
    api.start()
    yield from until(lambda: bool(api.snapshot().engines))
    yield 0.5


def view() -> bpy.types.Area:
    (area,) = [a for a in window().screen.areas if a.type == "VIEW_3D"]
    return area


def sidebar() -> bpy.types.Region:
    (region,) = [r for r in view().regions if r.type == "UI"]
    return region


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def click(below_top: int) -> Iterator[Pause]:
    region = sidebar()
    yield from move(region.x + region.width // 2, region.y + region.height - below_top)
    yield from act("click", "1")


def move(x: int, y: int) -> Iterator[Pause]:
    # Twice: the first move only makes its region the active one. X counts from the top.
    for offset in (5, 0):
        yield from act("mousemove", str(x + offset), str(window().height - y))


def move_over_the_scene() -> Iterator[Pause]:
    (region,) = [r for r in view().regions if r.type == "WINDOW"]
    yield from move(region.x + region.width // 3, region.y + region.height // 3)


def act(*command: str) -> Iterator[Pause]:
    """Use the real mouse and keyboard, and leave Blender time to answer."""
    subprocess.run(["xdotool", *command], check=True)
    yield HUMAN_PAUSE


def until(reached: Callable[[], bool]) -> Iterator[Pause]:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{api.snapshot()}")
        yield PULSE


def photograph(name: str) -> None:
    """The whole screen, by ImageMagick: Blender's own screenshots are black without a GPU."""
    target = Path(orders["pictures"]) / f"{name}.png"
    subprocess.run(["import", "-window", "root", str(target)], check=True)


def main() -> None:
    bpy.context.preferences.view.show_splash = False  # it would take the first click
    steps = work()

    def pulse() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            pass
        except Exception:  # noqa: BLE001  (the end of the script: told to the test)
            told["error"] = traceback.format_exc()
        Path(orders["report"]).write_text(json.dumps(told), encoding="utf-8")
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(pulse, first_interval=2.0)


main()
