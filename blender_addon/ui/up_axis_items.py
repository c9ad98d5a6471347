"""The up axes of splat files as items of Blender's enums."""

from __future__ import annotations

from ..contract.up_axis import UpAxis

# Identifiers of enums may not begin with a minus in presets and keymaps.
_IDENTIFIERS = {up: up.value.upper().replace("-", "MINUS_") for up in UpAxis}
_MEANINGS = {
    UpAxis.Y: "As in glTF, game engines and most web viewers",
    UpAxis.MINUS_Y: "As captures from COLMAP's cameras lie",
    UpAxis.Z: "As in Blender and nerfstudio",
    UpAxis.MINUS_Z: "",
    UpAxis.X: "",
    UpAxis.MINUS_X: "",
}

UP_AXIS_ITEMS = tuple(
    (_IDENTIFIERS[up], up.value.upper(), _MEANINGS[up], number)
    for number, up in enumerate(UpAxis, start=1)
)
"""Identifier, label, description and number of each axis."""


def up_axis_of(identifier: str) -> UpAxis | None:
    """The axis of an item; None for an item that is no axis."""
    return next((up for up, name in _IDENTIFIERS.items() if name == identifier), None)


def item_of(up: UpAxis) -> str:
    """The identifier of an axis."""
    return _IDENTIFIERS[up]
