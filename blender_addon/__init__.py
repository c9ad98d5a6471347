"""Splatsmith: a prompt or a picture becomes Gaussian splats, a mesh and points in the scene."""

from __future__ import annotations

from . import api, ui


def register() -> None:
    ui.register()


def unregister() -> None:
    ui.unregister()
    api.shutdown()
