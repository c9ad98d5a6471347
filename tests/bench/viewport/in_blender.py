"""Draws clouds in Blender's viewport: a screenshot, its camera, and frames per second of a turn.

blender --python in_blender.py -- CONFIG.json    run by this package's `figures`
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
from mathutils import Quaternion

config = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text(encoding="utf-8"))


def module(name: str) -> object:
    return importlib.import_module(f"{config['module']}.{name}")


TURN = 0.1  # radians a frame
FRAMES, SECONDS = 60, 6.0  # what is reached first ends the turn
VIEW = Quaternion((0.78, 0.46, -0.22, -0.36)).normalized()
DISTANCE = 3.2


def measure() -> Iterator[float]:
    """Seconds to wait, one measurement after another."""
    report = {}
    space, region = viewport()
    bare(space)
    yield 1.0
    for name in config["clouds"]:
        for obj in bpy.data.objects:
            bpy.data.objects.remove(obj)
        cloud = module("contract.cloud").read_cloud(Path(name))
        start = time.perf_counter()
        obj = module("scene.splats").add_splats(cloud, "cloud", bpy.context.scene.collection)
        obj.select_set(False)
        space.region_3d.view_rotation = VIEW
        redraw()
        first = time.perf_counter() - start
        yield 1.0
        drawer = module("viewport.registration").drawer
        drawer.wait()
        redraw()
        redraw()
        take_screenshot(f"{name}.screen.png")
        report[name] = camera(space, region) | {"first": first, "fps": frames_per_second(space)}
        yield 0.5
    Path(config["report"]).write_text(json.dumps(report), encoding="utf-8")


def viewport() -> tuple[bpy.types.SpaceView3D, bpy.types.Region]:
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return area.spaces.active, next(r for r in area.regions if r.type == "WINDOW")


def bare(space: bpy.types.SpaceView3D) -> None:
    """Nothing in the viewport but the scene."""
    space.overlay.show_overlays = space.show_gizmo = False
    for name in ("header", "tool_header", "toolbar", "ui"):
        setattr(space, f"show_region_{name}", False)
    space.shading.type = config["shading"]
    view = space.region_3d
    view.view_perspective, view.view_location, view.view_distance = "PERSP", (0, 0, 0), DISTANCE


def redraw() -> None:
    bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)


def camera(space: bpy.types.SpaceView3D, region: bpy.types.Region) -> dict[str, object]:
    view = space.region_3d
    return {
        "view": [list(row) for row in view.view_matrix],
        "projection": [list(row) for row in view.window_matrix],
        "region": [region.x, region.y, region.width, region.height],
    }


def frames_per_second(space: bpy.types.SpaceView3D) -> float:
    turn = Quaternion((0, 0, 1), TURN)
    start = time.perf_counter()
    frames = 0
    while frames < FRAMES and time.perf_counter() - start < SECONDS:
        space.region_3d.view_rotation = turn @ space.region_3d.view_rotation
        redraw()
        frames += 1
    return frames / (time.perf_counter() - start)


def take_screenshot(path: str) -> None:
    subprocess.run(["import", "-window", "root", path], check=True)


steps = measure()


def run_next_step() -> float | None:
    seconds = None
    try:
        seconds = next(steps, None)
    finally:  # whatever happens, Blender ends
        if seconds is None:
            bpy.ops.wm.quit_blender()
    return seconds


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(run_next_step, first_interval=2)
