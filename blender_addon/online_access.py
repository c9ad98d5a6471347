"""Blender's own settings: whether the add-on may go online, and where its files are kept."""

from __future__ import annotations

from pathlib import Path

import bpy

from .contract import find_backend
from .contract.problems import SplatsmithError
from .link.settings import BackendSettings


class OnlineAccessDenied(SplatsmithError):
    """Raised when a download is requested while Blender is set to stay offline."""

    code = "online-access-denied"
    title = "Blender is offline"
    status = 403


def check_online() -> None:
    """Refuse downloads while Blender is set to stay offline.

    Raises:
        OnlineAccessDenied: it is.
    """
    if not bpy.app.online_access:
        raise OnlineAccessDenied(
            "Blender is set to stay offline.",
            "Allow online access in Preferences > System, and try again.",
        )


def allow_online_access() -> None:
    """Turn Blender's own setting on. Only to be called when the user has asked for it.

    Raises:
        OnlineAccessDenied: this Blender was started with --offline-mode.
    """
    if bpy.app.online_access:
        return
    if bpy.app.online_access_override:
        raise OnlineAccessDenied(
            "Blender was started with --offline-mode.", "Start it without, and try again."
        )
    bpy.context.preferences.system.use_online_access = True


def default_settings() -> BackendSettings:
    """The settings of a fresh installation."""
    if __package__.startswith("bl_ext."):
        folder = bpy.utils.extension_path_user(__package__, create=True)
    else:
        folder = bpy.utils.user_resource("DATAFILES", path="splatsmith", create=True)
    offline = not bpy.app.online_access
    return BackendSettings(folder=Path(folder), backend=find_backend(), offline=offline)
