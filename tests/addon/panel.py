"""The panel in tests: an engine's card, and waiting for what the timer would fetch."""

from __future__ import annotations

import time

from blender_addon import api
from blender_addon.contract.cards import (
    ConditionKind,
    EngineCard,
    Variant,
)
from blender_addon.contract.parameters import ParameterSpec, ParameterType
from blender_addon.link.snapshot import BackendState, SessionSnapshot
from blender_addon.ui.properties import show_engines

TIMEOUT = 240.0
RUNNING = SessionSnapshot(BackendState.RUNNING)
PARAMETERS = (
    ParameterSpec("seed", ParameterType.INT, 7, "A seed.", minimum=0, maximum=2**32 - 1),
    ParameterSpec("name", ParameterType.TEXT, "no", "Called like a member of the group."),
    ParameterSpec("tilt", ParameterType.FLOAT, 20.0, "How far.", "", -30, 60, (), "degrees"),
    ParameterSpec("hollow", ParameterType.BOOL, True, "Leave the inside out."),
    ParameterSpec("mood", ParameterType.CHOICE, "calm", "How.", choices=("wild", "calm")),
)
LIGHT = Variant("light", "Light", (ConditionKind.TEXT,), parameters=PARAMETERS)
HEAVY = Variant("heavy", "Heavy", (ConditionKind.TEXT,), parameters=PARAMETERS)
CARD = EngineCard("anvil", "Anvil", "For tests.", (LIGHT, HEAVY))


def await_engines() -> None:
    deadline = time.monotonic() + TIMEOUT
    while not api.snapshot().engines:
        assert time.monotonic() < deadline, api.snapshot()
        time.sleep(0.02)
    show_engines(api.snapshot().engines)


def await_preview(job: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not any(each.preview for each in api.snapshot().jobs if each.status.id == job):
        assert time.monotonic() < deadline, api.snapshot()
        time.sleep(0.02)


def poll_until_ended(count: int = 1) -> None:
    deadline = time.monotonic() + TIMEOUT
    while (count := count - len(api.poll())) > 0:
        assert time.monotonic() < deadline, api.snapshot()
        time.sleep(0.02)
