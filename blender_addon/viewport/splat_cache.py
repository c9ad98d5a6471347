"""The splats of datablocks as arrays, read once and again when a datablock has changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np

from ..contract.problems import SplatsmithError
from ..scene.splats import copy_splat_attributes, harmonics_in
from .packing import MOST_SPLATS, SplatArrays, splat_arrays


@dataclass(frozen=True)
class CachedSplats:
    """The arrays of a datablock; another `version` means other arrays."""

    uid: int
    version: int
    arrays: SplatArrays

    @property
    def key(self) -> tuple[int, int]:
        return self.uid, self.version


class SplatCache:
    """By the datablock's `session_uid`, which outlives undo."""

    def __init__(self) -> None:
        self._cached: dict[int, CachedSplats] = {}
        self._stale: set[int] = set()
        self._versions = 0

    def get(self, obj: bpy.types.Object) -> CachedSplats | None:
        """The splats of `obj`; as they were last, or None, while they cannot be read."""
        uid = obj.data.session_uid
        cached = self._cached.get(uid)
        if cached is not None and uid not in self._stale:
            return cached
        arrays = _read(obj)
        if arrays is None:
            return cached
        self._stale.discard(uid)
        if cached is None or not _equal(cached.arrays, arrays):
            self._versions += 1
            cached = self._cached[uid] = CachedSplats(uid, self._versions, arrays)
        return cached

    def mark_changed(self, uids: Iterable[int]) -> None:
        self._stale.update(uid for uid in uids if uid in self._cached)

    def mark_all_changed(self) -> None:
        self._stale.update(self._cached)

    def keep_only(self, uids: Iterable[int]) -> None:
        """Forget all datablocks but those of `uids`."""
        kept = set(uids)
        self._cached = {uid: each for uid, each in self._cached.items() if uid in kept}
        self._stale &= kept


def _read(obj: bpy.types.Object) -> SplatArrays | None:
    try:
        attributes = copy_splat_attributes(obj)
    except SplatsmithError:
        return None
    if len(attributes["position"]) > MOST_SPLATS:
        return None
    return splat_arrays(attributes, harmonics_in(attributes))


def _equal(old: SplatArrays, new: SplatArrays) -> bool:
    pairs = zip(_arrays(old), _arrays(new), strict=False)
    same_count = len(old.harmonics) == len(new.harmonics)
    return same_count and all(np.array_equal(a, b) for a, b in pairs)


def _arrays(splats: SplatArrays) -> tuple[np.ndarray, ...]:
    return (splats.positions, splats.rotations, splats.scales, splats.base, *splats.harmonics)
