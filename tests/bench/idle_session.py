"""Processor time of an idle Blender with a connected backend, and with its panel's timer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import bpy

from blender_addon import api, ui
from blender_addon.link.snapshot import BackendState
from blender_addon.ui.timer import TIMER_SECONDS, poll_timer

from .figure import Figure

SECONDS = 20.0
MAX_SHARE = 0.1  # percent of a core


def figures() -> Iterator[Figure]:
    """Percent of one core, of this process alone, while nothing happens."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with tempfile.TemporaryDirectory() as folder:
        api.configure(replace(api.default_settings(), folder=Path(folder)))
        ui.register()
        try:
            yield Figure("Blender without a session", percent_of_core(sleep), "%")
            api.start()
            wait_until_idle()
            name = "session connected to an idle backend"
            yield Figure(name, percent_of_core(sleep), "%", MAX_SHARE)
            yield Figure("  with the panel's timer", percent_of_core(run_timer), "%", MAX_SHARE)
        finally:
            ui.unregister()
            api.shutdown()


def percent_of_core(idle: Callable[[], None]) -> float:
    started = time.process_time()
    idle()
    return 100 * (time.process_time() - started) / SECONDS


def sleep() -> None:
    time.sleep(SECONDS)


def run_timer() -> None:
    """Call the timer as often as Blender's event loop does."""
    for _ in range(int(SECONDS / TIMER_SECONDS)):
        poll_timer()
        time.sleep(TIMER_SECONDS)


def wait_until_idle() -> None:
    while api.snapshot().state is not BackendState.RUNNING or not is_worker_idle():
        time.sleep(0.1)
    poll_timer()


def is_worker_idle() -> bool:
    health = api.snapshot().health
    return health is not None and health.worker == "idle"
