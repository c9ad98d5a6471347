"""Real mouse and keyboard input (xdotool) and screenshots.

Functions that take time are generators of seconds to wait, during which Blender's event loop runs.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector

POLL_SECONDS = 0.05
UI_SECONDS = 1.0
TIMEOUT = 400.0  # a new installation compiles first
# The first row of the file browser's list, in pixels from the window's top left.
FIRST_FILE_POSITION = (440, 114)

Seconds = float


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def area_of(kind: str) -> bpy.types.Area | None:
    return next((area for area in window().screen.areas if area.type == kind), None)


def region_of(kind: str) -> bpy.types.Region:
    return next(region for region in area_of("VIEW_3D").regions if region.type == kind)


def click(below_top: int, from_left: int | None = None) -> Iterator[Seconds]:
    """Click at pixels below the sidebar's top and from its left; by default in its middle."""
    sidebar = region_of("UI")
    across = sidebar.width // 2 if from_left is None else from_left
    yield from move(sidebar.x + across, window().height - sidebar.y - sidebar.height + below_top)
    yield from send_input("click", "1")


def click_on(place: Vector) -> Iterator[Seconds]:
    """Click where the viewport shows `place`, in the world."""
    region, view = region_of("WINDOW"), area_of("VIEW_3D").spaces.active.region_3d
    at = location_3d_to_region_2d(region, view, place)
    yield from move(region.x + round(at.x), window().height - region.y - round(at.y))
    yield from send_input("click", "1")


def open_first_file() -> Iterator[Seconds]:
    yield from wait_until(lambda: area_of("FILE_BROWSER") is not None)
    yield UI_SECONDS
    yield from move(*FIRST_FILE_POSITION)
    yield from send_input("click", "--repeat", "2", "--delay", "150", "1")
    yield from wait_until(lambda: area_of("VIEW_3D") is not None)
    yield UI_SECONDS


def choose_last_context_menu_entry() -> Iterator[Seconds]:
    yield from move_to_viewport()
    yield from send_input("click", "3")
    yield from send_input("key", "End")
    yield from send_input("key", "Return")


def choose_last_entry(menu: str) -> Iterator[Seconds]:
    """Open a menu below the mouse, and choose its last entry with the keyboard."""
    yield from move_to_viewport()
    with in_viewport():
        bpy.ops.wm.call_menu(name=menu)
    yield UI_SECONDS
    yield from send_input("key", "End")
    yield from send_input("key", "Return")


@contextmanager
def in_viewport() -> Iterator[None]:
    """The context of operators that the user calls in the viewport."""
    area, region = area_of("VIEW_3D"), region_of("WINDOW")
    with bpy.context.temp_override(window=window(), area=area, region=region):
        yield


def move_to_viewport() -> Iterator[Seconds]:
    scene = region_of("WINDOW")
    yield from move(scene.x + scene.width // 3, window().height - scene.y - scene.height // 3)


def move(x: int, y: int) -> Iterator[Seconds]:
    """Move the mouse to pixels from the window's top left."""
    # Twice: the first move only activates the region.
    for offset in (5, 0):
        yield from send_input("mousemove", str(x + offset), str(y))


def send_input(*command: str) -> Iterator[Seconds]:
    """Run an xdotool command and give Blender time to react."""
    subprocess.run(["xdotool", *command], check=True)
    yield UI_SECONDS


def wait_until(reached: Callable[[], object]) -> Iterator[Seconds]:
    deadline = time.monotonic() + TIMEOUT
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not become true")
        yield POLL_SECONDS


def take_screenshot(folder: str, name: str) -> None:
    """Save the whole screen with ImageMagick: Blender's own screenshots are black without a GPU."""
    target = Path(folder) / f"{name}.png"
    subprocess.run(["import", "-window", "root", str(target)], check=True)
