"""The artist's hands and eyes: the real mouse and keyboard, and pictures of the screen.

Everything that takes time is a generator of pauses in seconds, during which Blender does its work.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

PULSE = 0.05
HUMAN_PAUSE = 1.0
PATIENCE = 400.0  # a new installation compiles its code first
# The first row of a file browser's list, in pixels from the left and from the top.
FIRST_FILE = (440, 114)

Pause = float


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def area_of(kind: str) -> bpy.types.Area | None:
    return next((area for area in window().screen.areas if area.type == kind), None)


def region_of(kind: str) -> bpy.types.Region:
    return next(region for region in area_of("VIEW_3D").regions if region.type == kind)


def click(below_top: int, from_left: int | None = None) -> Iterator[Pause]:
    """Press what is so many pixels below the sidebar's top, in its middle unless said otherwise."""
    sidebar = region_of("UI")
    across = sidebar.width // 2 if from_left is None else from_left
    yield from move(sidebar.x + across, window().height - sidebar.y - sidebar.height + below_top)
    yield from act("click", "1")


def open_first_file() -> Iterator[Pause]:
    yield from until(lambda: area_of("FILE_BROWSER") is not None)
    yield HUMAN_PAUSE
    yield from move(*FIRST_FILE)
    yield from act("click", "--repeat", "2", "--delay", "150", "1")
    yield from until(lambda: area_of("VIEW_3D") is not None)
    yield HUMAN_PAUSE


def choose_last_in_context_menu() -> Iterator[Pause]:
    yield from move_over_the_scene()
    yield from act("click", "3")
    yield from act("key", "End")
    yield from act("key", "Return")


def move_over_the_scene() -> Iterator[Pause]:
    scene = region_of("WINDOW")
    yield from move(scene.x + scene.width // 3, window().height - scene.y - scene.height // 3)


def move(x: int, y: int) -> Iterator[Pause]:
    """To a place in pixels from the window's left and top."""
    # Twice: the first move only makes its region the active one.
    for offset in (5, 0):
        yield from act("mousemove", str(x + offset), str(y))


def act(*command: str) -> Iterator[Pause]:
    """Use the real mouse and keyboard, and leave Blender time to answer."""
    subprocess.run(["xdotool", *command], check=True)
    yield HUMAN_PAUSE


def until(reached: Callable[[], object]) -> Iterator[Pause]:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError("what the artist waited for never came")
        yield PULSE


def photograph(folder: str, name: str) -> None:
    """The whole screen, by ImageMagick: Blender's own screenshots are black without a GPU."""
    target = Path(folder) / f"{name}.png"
    subprocess.run(["import", "-window", "root", str(target)], check=True)
