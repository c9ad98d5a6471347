"""Scenarios of the first hour: the offer to install, and the first result, which is seen."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
session = importlib.import_module("blender_session")
input_driver = importlib.import_module("input_driver")
generation = importlib.import_module("generation_scenarios")

Steps = Iterator[float]

GAP_SECONDS = 0.005  # between two calls of the timer that looks for gaps
FAR_AWAY = (0.0, 0.0, 300.0)


def show_offer_to_install() -> Steps:
    """A fresh folder without a backend: the panel shows itself, and says what Install takes."""
    preferences = bpy.context.preferences.addons[session.config["module"]].preferences
    yield from input_driver.wait_until(lambda: preferences.has_shown_panel)
    session.report["tab"] = input_driver.region_of("UI").active_panel_category
    fresh = Path(session.config["folder"]).with_name("fresh")
    session.api.configure(replace(session.api.default_settings(), folder=fresh, environment=None))
    yield from input_driver.wait_until(
        lambda: session.api.snapshot().state.value == "not installed"
    )
    yield 1.0
    session.take_screenshot("offer")
    build = session.api.snapshot().planned_build
    session.report["offer"] = [build.title, build.download_gb, build.minutes]
    installation = importlib.import_module(f"{session.config['module']}.ui.installation")
    state = session.api.snapshot().state
    session.report["button"] = installation.generate_label(state)


def see_first_result() -> Steps:
    """With the default cube at the cursor: type, press Generate, look; two clicks."""
    bpy.ops.mesh.primitive_cube_add(location=(0, 0, 0))
    settings = bpy.context.scene.splatsmith
    settings.products = {"splats"}
    yield 0.5
    with measured_redraws() as measured:
        yield from input_driver.click(generation.PROMPT_FIELD)
        yield from input_driver.send_input("type", session.config["prompt"])
        yield from input_driver.send_input("key", "Return")
        measured.clear()
        started = time.monotonic()
        yield from input_driver.click(generation.GENERATE_BUTTON)
        yield from input_driver.wait_until(lambda: session.api.snapshot().jobs[0].state.is_final)
        session.report["redraws while it runs"] = len(measured)
        yield from input_driver.wait_until(lambda: len(bpy.data.objects) == 2)
    session.report["seconds"] = time.monotonic() - started
    session.report["longest gap"] = measured_gap()
    yield 1.0
    session.take_screenshot("first result")
    (splats,) = bpy.context.selected_objects
    session.report["selected"] = splats.name
    session.report["distance"] = max(abs(splats.location.x), abs(splats.location.y))


def frame_result_out_of_view() -> Steps:
    """The cursor far above: the result is framed."""
    bpy.context.scene.cursor.location = FAR_AWAY
    bpy.context.scene.splatsmith.products = {"splats"}
    yield from input_driver.click(generation.PROMPT_FIELD)
    yield from input_driver.send_input("type", session.config["prompt"])
    yield from input_driver.send_input("key", "Return")
    yield from input_driver.click(generation.GENERATE_BUTTON)
    yield from input_driver.wait_until(lambda: len(bpy.data.objects) == 1)
    yield 2.0
    session.take_screenshot("framed")
    view = input_driver.area_of("VIEW_3D").spaces.active.region_3d
    session.report["distance from the view"] = (
        view.view_location - bpy.context.object.location
    ).length


_gaps: list[float] = []


@contextmanager
def measured_redraws() -> Iterator[list[float]]:
    """The times at which the 3D viewport is drawn; beside it, the main thread's gaps."""
    drawn: list[float] = []
    handler = bpy.types.SpaceView3D.draw_handler_add(
        lambda: drawn.append(time.monotonic()), (), "WINDOW", "POST_PIXEL"
    )
    last = [time.monotonic()]
    _gaps.clear()

    def tick() -> float:
        now = time.monotonic()
        _gaps.append(now - last[0])
        last[0] = now
        return GAP_SECONDS

    bpy.app.timers.register(tick)
    try:
        yield drawn
    finally:
        bpy.app.timers.unregister(tick)
        bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")


def measured_gap() -> float:
    """Seconds of the longest gap; Blender's own drawing is among them."""
    return max(_gaps)
