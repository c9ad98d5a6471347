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

sys.path.append(str(Path(__file__).parent))
session = importlib.import_module("blender_session")
input_driver = importlib.import_module("input_driver")
first_hour_scenarios = importlib.import_module("first_hour_scenarios")
generation_scenarios = importlib.import_module("generation_scenarios")
splat_scenarios = importlib.import_module("splat_scenarios")

Steps = Iterator[float]


def prepare() -> Steps:
    """Set up an empty scene and the panel, and wait for the backend's engines."""
    settings = replace(
        session.api.default_settings(),
        folder=Path(session.config["folder"]),
        environment=Path(session.config["environment"]),
    )
    session.api.configure(settings)
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    bpy.ops.ed.undo_push(message="An empty scene")
    input_driver.area_of("VIEW_3D").spaces.active.show_region_ui = True
    yield 1.0
    input_driver.region_of("UI").active_panel_category = "Splatsmith"
    session.api.start()
    yield from input_driver.wait_until(lambda: session.api.snapshot().engines)
    yield 0.5


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        generation_scenarios.generate_chair,
        generation_scenarios.extract_mesh_and_quads,
        splat_scenarios.edit_splats,
        generation_scenarios.open_picture_and_cancel,
        generation_scenarios.generate_from_picture_while_it_sharpens,
        generation_scenarios.generate_samples_of_a_field,
        generation_scenarios.submit_batch,
        splat_scenarios.transform_and_repair_splats,
        splat_scenarios.draw_and_pick_splats,
        splat_scenarios.import_and_export_by_menu,
        splat_scenarios.drop_files,
        first_hour_scenarios.show_offer_to_install,
        first_hour_scenarios.see_first_result,
        first_hour_scenarios.frame_result_out_of_view,
    )
}


def run_scenario() -> Steps:
    """Prepare, then run the configured scenario; yields the seconds to wait between the steps."""
    yield from prepare()
    yield from SCENARIOS[session.config["scenario"]]()


def main() -> None:
    bpy.context.preferences.view.show_splash = False  # it would take the first click
    steps = run_scenario()

    def advance() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            pass
        except Exception:  # noqa: BLE001  (the script's edge: goes into the report)
            session.report["error"] = f"{traceback.format_exc()}\n{session.api.snapshot()}"
        Path(session.config["report"]).write_text(json.dumps(session.report), encoding="utf-8")
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(advance, first_interval=2.0)


main()
