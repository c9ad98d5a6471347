"""Scenarios of jobs: from the panel to objects in the scene."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
session = importlib.import_module("blender_session")
input_driver = importlib.import_module("input_driver")

Steps = Iterator[float]


# Pixels from the sidebar's top to the widget's centre, at a UI scale of 1. Widgets below a picture
# move down; so do those below the line that asks for a prompt or a picture.
PROMPT_FIELD, PICTURE_FIELD, GENERATE_BUTTON = 64, 115, 190
MESH_BUTTON, MORE_HEADER, BATCH_BUTTON = 367, 446, 477
PICTURE_HEIGHT = 126
SIDES_HEIGHT = 75  # of the fields for pictures of other sides
FIELD_LEVEL = 5.0  # which small random networks reach
CANCEL_WITH_PICTURE, CANCEL_FROM_LEFT = 352, 230


def generate_chair() -> Steps:
    """Type a prompt, press Generate, undo and redo the import."""
    session.take_screenshot("empty")
    yield from input_driver.click(PROMPT_FIELD)
    yield from input_driver.send_input("type", session.config["prompt"])
    yield from input_driver.send_input("key", "Return")
    session.take_screenshot("prompt")
    yield from input_driver.click(GENERATE_BUTTON)
    yield from input_driver.wait_until(
        lambda: any(job.stage == "Generating" for job in session.api.snapshot().jobs)
    )
    yield 0.5
    session.take_screenshot("generating")
    yield from input_driver.wait_until(lambda: bpy.data.objects)
    yield 1.0
    session.take_screenshot("done")
    session.report["made"] = session.names()
    yield from session.undo_and_redo()
    session.report["prompt"] = bpy.context.scene.splatsmith.prompt


def extract_mesh_and_quads() -> Steps:
    """Press Mesh from Splats and Extract, then Quads from Mesh in the context menu."""
    settings = bpy.context.scene.splatsmith
    settings.face_budget, settings.texture = 2_000, "512"
    settings.automatic_detail, settings.resolution = False, 64
    session.api.import_asset(session.config["cloud"])
    bpy.ops.ed.undo_push(message="Splats")
    yield from input_driver.move_to_viewport()
    yield from input_driver.send_input("key", "a")
    yield from input_driver.click(MESH_BUTTON)
    yield 1.0
    session.take_screenshot("options")
    yield from input_driver.send_input("key", "Return")
    yield from input_driver.wait_until(lambda: len(bpy.data.objects) == 2)
    yield 1.0
    session.take_screenshot("mesh")
    session.report["made"], session.report["visible"] = session.names(), session.visible()
    yield from session.undo_and_redo()
    yield from input_driver.choose_last_context_menu_entry()
    yield 1.0
    session.take_screenshot("quads options")
    yield from input_driver.send_input("key", "Return")
    yield from input_driver.wait_until(lambda: len(bpy.data.objects) == 3)
    yield 1.0
    session.take_screenshot("quads")
    session.report["visible with quads"] = session.visible()
    yield from input_driver.send_input("key", "ctrl+z")
    session.report["visible without quads"] = session.visible()


def open_picture_and_cancel() -> Steps:
    """Open a picture file, press Generate, then Cancel in the job's row."""
    yield from session.save_scene_beside(session.config["picture"])
    yield from input_driver.click(PICTURE_FIELD)
    yield from input_driver.open_first_file()
    session.take_screenshot("picture")
    session.report["picture"] = bpy.context.scene.splatsmith.picture.name
    yield from input_driver.click(GENERATE_BUTTON + PICTURE_HEIGHT)
    yield from input_driver.wait_until(
        lambda: any(job.state.value == "running" for job in session.api.snapshot().jobs)
    )
    session.take_screenshot("under way")
    yield from input_driver.click(CANCEL_WITH_PICTURE, CANCEL_FROM_LEFT)
    yield from input_driver.wait_until(lambda: session.api.snapshot().jobs[0].state.is_final)
    yield 1.0
    session.take_screenshot("cancelled")
    session.report["ended"] = session.api.snapshot().jobs[0].state.value
    session.report["made"] = session.names()


def generate_from_picture_while_it_sharpens() -> Steps:
    """Choose DiffusionGS, open a picture, press Generate, look at its views while they sharpen."""
    session.api.start()
    yield from input_driver.wait_until(
        lambda: any(card.id == "diffusiongs" for card in session.api.snapshot().engines)
    )
    scene = bpy.context.scene
    scene.splatsmith.engine = "diffusiongs"
    choose_options("object-256", steps=8, elevation=15, foreground_ratio=0.7)
    yield from session.save_scene_beside(session.config["picture"])
    yield from input_driver.click(PICTURE_FIELD)
    yield from input_driver.open_first_file()
    session.take_screenshot("chosen")
    yield from input_driver.click(GENERATE_BUTTON + PICTURE_HEIGHT + SIDES_HEIGHT)
    yield from input_driver.wait_until(
        lambda: any(job.unfinished is not None for job in session.api.snapshot().jobs)
    )
    yield 2.0
    session.take_screenshot("sharpening")
    yield from input_driver.wait_until(
        lambda: session.names() or session.api.snapshot().jobs[0].state.is_final
    )
    yield 3.0
    session.take_screenshot("done")
    session.report["state"] = session.api.snapshot().jobs[0].state.value
    session.report["made"] = session.names()
    yield from session.undo_and_redo()


def generate_samples_of_a_field() -> Steps:
    """Choose LN3Diff and two samples, open a picture, press Generate."""
    session.api.start()
    yield from input_driver.wait_until(
        lambda: any(card.id == "ln3diff" for card in session.api.snapshot().engines)
    )
    settings = bpy.context.scene.splatsmith
    settings.engine = "ln3diff"
    settings.face_budget, settings.texture = 2_000, "512"
    settings.automatic_detail, settings.resolution = False, 48
    choose_options("image", solver="euler", steps=2, samples=2, level=FIELD_LEVEL)
    yield from session.save_scene_beside(session.config["picture"])
    yield from input_driver.click(PICTURE_FIELD)
    yield from input_driver.open_first_file()
    session.take_screenshot("chosen")
    yield from input_driver.click(GENERATE_BUTTON + PICTURE_HEIGHT)
    yield from input_driver.wait_until(lambda: len(session.api.snapshot().jobs) == 2)
    yield from input_driver.wait_until(
        lambda: all(job.state.is_final for job in session.api.snapshot().jobs)
    )
    yield 4.0
    session.take_screenshot("done")
    session.report["states"] = [job.state.value for job in session.api.snapshot().jobs]
    session.report["made"] = session.names()


def choose_options(variant: str, **values: float | str) -> None:
    """Choose a variant of the chosen engine, and values of its parameters."""
    properties = importlib.import_module(f"{session.config['module']}.ui.properties")
    settings = bpy.context.scene.splatsmith
    card, group = properties.engine_card(settings), properties.engine_group(settings)
    group.variant = variant
    for name, value in values.items():
        setattr(group, properties.parameter_property(card, variant, name), value)


def submit_batch() -> Steps:
    """Open More, press Generate Batch, choose the prompts file."""
    yield from session.save_scene_beside(session.config["prompts"])
    yield from input_driver.click(MORE_HEADER)
    session.take_screenshot("more")
    yield from input_driver.click(BATCH_BUTTON)
    yield from input_driver.open_first_file()
    yield from input_driver.wait_until(lambda: session.api.snapshot().jobs)
    session.take_screenshot("batch")
    session.report["ordered"] = sorted(job.title for job in session.api.snapshot().jobs)
    for job in session.api.snapshot().jobs:
        session.api.cancel(job.key)
