"""How long the add-on holds Blender's main thread, call by call.

What it does there is the panel's timer and its operators; all else happens in other threads and
processes. Run without a window: what drawing takes is measured by the tests in tests/gui.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import bpy

from blender_addon import api, ui
from blender_addon.contract.cloud import write_cloud
from blender_addon.importing.files import find_files, import_files
from blender_addon.link.snapshot import BackendState
from blender_addon.ui import timer

from .figure import Figure
from .import_splats import random_cloud

COUNT = 262_144
MAX_CALL, MAX_IMPORT = 0.05, 0.3  # seconds
ROUNDS = 5
PROMPT = "a wooden chair"


def figures() -> Iterator[Figure]:
    """Seconds of the longest call of each kind."""
    bpy.ops.wm.read_factory_settings()  # with the default cube at the cursor
    with tempfile.TemporaryDirectory() as folder:
        api.configure(replace(api.default_settings(), folder=Path(folder) / "home"))
        ui.register()
        try:
            yield from generation_figures()
            yield from submission_figures()
        finally:
            ui.unregister()
            api.shutdown()
        yield from import_figures(Path(folder) / "large")


def generation_figures() -> Iterator[Figure]:
    """A whole generation with the default settings, from a stopped backend on."""
    settings = bpy.context.scene.splatsmith
    settings.prompt = PROMPT
    pressed = seconds_of(bpy.ops.splatsmith.generate)
    quiet, importing = [], []
    while not bpy.data.objects.get(f"{PROMPT}.splats"):
        before = len(bpy.data.objects)
        seconds = seconds_of(timer.poll_timer)
        (quiet if len(bpy.data.objects) == before else importing).append(seconds)
        assert api.snapshot().state is not BackendState.FAILED
        time.sleep(timer.TIMER_SECONDS / 5)
    yield Figure("Generate is pressed", pressed, "s", MAX_CALL)
    yield Figure("the timer, while a job runs", max(quiet), "s", MAX_CALL)
    yield Figure("the timer, as it imports splats and mesh", max(importing), "s", MAX_IMPORT)


def submission_figures() -> Iterator[Figure]:
    """Operators that send what is in the scene."""
    painted = bpy.data.images.new("picture", 2048, 2048)
    file = Path(bpy.app.tempdir or tempfile.gettempdir()) / "picture.png"
    painted.filepath_raw, painted.file_format = str(file), "PNG"
    painted.save()
    saved = bpy.data.images.load(str(file))
    unsaved = bpy.data.images.new("unsaved", 2048, 2048)
    for name, picture in (("a file of", saved), ("an unsaved image of", unsaved)):
        submit = partial(api.submit, picture=picture)
        seconds = longest(lambda submit=submit: api.cancel(submit()))
        yield Figure(f"{name} 2048 x 2048 is submitted", seconds, "s", MAX_CALL)
    file.unlink()


def import_figures(folder: Path) -> Iterator[Figure]:
    """Splats alone, beside the default cube, where free ground is looked for."""
    folder.mkdir()
    write_cloud(folder / "splats.ply", random_cloud(0, COUNT))
    files = find_files(folder)
    placement = api.Placement((0, 0, 0), clear=True)
    seconds = longest(lambda: import_files(files, (api.Product.SPLATS,), placement))
    yield Figure(f"{COUNT:,} splats are imported", seconds, "s", MAX_IMPORT)
    shutil.rmtree(folder)


def longest(work: Callable[[], object]) -> float:
    return max(seconds_of(work) for _ in range(ROUNDS))


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
