"""Where an asset's objects stand, in which collection, and what they remember of their making."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from ..contract import GaussianCloud


@dataclass(frozen=True)
class Mark:
    """How an object was made; kept in its custom properties. `request` is the request's JSON text."""

    request: str
    job: str
    engine: str
    product: str


def asset_collection(scene: bpy.types.Scene, title: str) -> bpy.types.Collection:
    """A new collection named after the asset inside the scene's collection "Splatsmith"."""
    raise NotImplementedError


def place(
    objects: Sequence[bpy.types.Object],
    cloud: GaussianCloud,
    location: Sequence[float],
    size: float | None = None,
) -> None:
    """Let all products of one asset rest at `location` (world, e.g. `scene.cursor.location`).

    One common location and uniform scale: the middle of the cloud's robust bounds stands above
    `location`, their bottom at its height. `size` is the longest edge in metres; None keeps the
    engine's units as metres.
    """
    raise NotImplementedError


def mark(obj: bpy.types.Object, mark: Mark) -> None:
    """Remember in custom properties how `obj` was made."""
    raise NotImplementedError


def read_mark(obj: bpy.types.Object) -> Mark | None:
    """What `mark` stored, or None where an object was not made by Splatsmith."""
    raise NotImplementedError


def mark_asset(
    item: bpy.types.Object | bpy.types.Collection, preview: Path | None, tags: Sequence[str]
) -> None:
    """Show an object or a collection in the asset browser, with its preview picture."""
    raise NotImplementedError
