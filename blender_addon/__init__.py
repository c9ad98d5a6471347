"""Splatsmith: a prompt or a picture becomes Gaussian splats, a mesh and points in the scene."""

from __future__ import annotations

from . import api, ui
from .viewport import registration as viewport


def register() -> None:
    viewport.register()
    ui.register()


def unregister() -> None:
    ui.unregister()
    viewport.unregister()
    api.shutdown()
