"""The user interface: properties, operators, panels, preferences. Draws, and calls `api`."""

from __future__ import annotations

from . import (
    add_menu,
    asset_saving,
    backend_menu,
    checkpoints,
    file_drop,
    first_run,
    history,
    installation,
    job_list,
    job_placing,
    manual,
    operators,
    panels,
    preferences,
    prompt_history,
    properties,
    selection_operators,
    splat_color,
    splat_editing,
    splat_export,
    splat_import,
    splat_menu,
    thumbnails,
    timer,
    transform_operators,
    translation,
)

PARTS = (
    preferences,
    properties,
    installation,
    operators,
    prompt_history,
    selection_operators,
    transform_operators,
    translation,
    splat_import,
    splat_export,
    add_menu,
    backend_menu,
    file_drop,
    panels,
    job_list,
    job_placing,
    history,
    manual,
    splat_editing,
    splat_color,
    splat_menu,
    checkpoints,
    thumbnails,
    asset_saving,
    timer,
    first_run,
)


def register() -> None:
    for part in PARTS:
        part.register()


def unregister() -> None:
    for part in reversed(PARTS):
        part.unregister()
