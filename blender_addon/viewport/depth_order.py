"""The order in which splats are drawn, back to front, and their colors from where one looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract.harmonics import basis
from .packing import Floats, Instance, SplatArrays, View, base_colors, empty_texture

_BEHIND = (1 << 16) - 1  # numpy sorts 16-bit numbers by radix
_NEAREST = 1e-4  # of the farthest splat's depth; what is nearer is sorted as if there
_BLOCK = 1 << 14  # splats at a time, which stay in the processor's cache


def back_to_front(
    parts: Sequence[SplatArrays], instances: Sequence[Instance], view: View
) -> Floats:
    """[M, 2]: the number of a splat among those of all `parts`, and that of its instance.

    Depths are compared in 65,535 steps, under perspective logarithmic ones; splats behind the
    camera are left out.
    """
    if not instances:
        return np.empty((0, 2), np.float32)
    depths = [_depths(parts[each.data], each, view) for each in instances]
    keys = _quantized(np.concatenate(depths), view.is_perspective)
    order = np.argsort(keys, kind="stable")
    order = order[: len(order) - np.count_nonzero(keys == _BEHIND)]
    pairs = np.zeros((len(order), 2), np.float32)
    starts = part_starts(parts)
    if len(instances) == 1:
        np.add(order, starts[instances[0].data], out=pairs[:, 0], casting="unsafe")
        return pairs
    counts = [len(depth) for depth in depths]
    splats = [np.arange(n) + starts[each.data] for n, each in zip(counts, instances, strict=True)]
    pairs[:, 0] = np.concatenate(splats)[order]
    pairs[:, 1] = np.repeat(np.arange(len(instances)), counts)[order]
    return pairs


def part_starts(parts: Sequence[SplatArrays]) -> list[int]:
    """The number of each part's first splat among those of all `parts`."""
    return np.cumsum([0, *map(len, parts)])[:-1].tolist()


def view_dependent_colors(
    parts: Sequence[SplatArrays], instances: Sequence[Instance], view: View
) -> tuple[Floats, list[int]]:
    """The color texture of all `parts`, and each instance's shift into it.

    Colors without direction stand once a datablock; those of harmonics follow, once an instance.
    """
    fixed = base_colors(parts)
    blocks, shifts = [fixed], []
    starts, end = part_starts(parts), len(fixed)
    for instance in instances:
        part = parts[instance.data]
        if not part.harmonics:
            shifts.append(0)
            continue
        colors = empty_texture(len(part))
        _add_harmonics(part, instance, view, colors)
        blocks.append(colors)
        shifts.append(end - starts[instance.data])
        end += len(colors)
    return np.concatenate(blocks), shifts


def _depths(part: SplatArrays, instance: Instance, view: View) -> Floats:
    """[N] depths in front of the camera: the view's -Z."""
    x, y, z, shift = (-(view.view @ instance.matrix)[2]).astype(np.float32)
    depths = part.positions[0] * x
    depths += part.positions[1] * y
    depths += part.positions[2] * z
    depths += shift
    return depths


def _quantized(depths: Floats, is_perspective: bool) -> NDArray[np.uint16]:
    """Keys that rise from the farthest to the nearest; `_BEHIND` of those behind the camera."""
    farthest = float(depths.max(initial=0))
    if is_perspective:
        if farthest <= 0:
            return np.full(len(depths), _BEHIND, np.uint16)
        behind = depths <= 0
        np.maximum(depths, _NEAREST * farthest, out=depths)
        np.log(depths, out=depths)
        farthest = float(np.log(farthest))
    nearest = float(depths.min())
    np.subtract(farthest, depths, out=depths)
    depths *= (_BEHIND - 1) / max(farthest - nearest, 1e-12)
    keys = depths.astype(np.uint16)
    if is_perspective:
        keys[behind] = _BEHIND
    return keys


def _add_harmonics(part: SplatArrays, instance: Instance, view: View, out: Floats) -> None:
    """Write the colors seen by `view` into `out` [.., 4]; sRGB, not clamped."""
    degree = round((len(part.harmonics) + 1) ** 0.5) - 1
    to_object = np.linalg.inv(view.view @ instance.matrix).astype(np.float64)
    for start in range(0, len(part), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(part)))
        values = basis(_directions(part.positions[:, rows], to_object, view.is_perspective), degree)
        colors = values[:, :1] * part.base[rows, :3] + np.float32(0.5)
        for k, plane in enumerate(part.harmonics):
            colors += values[:, k + 1, None] * plane[rows]
        out[rows, :3] = colors


def _directions(positions: Floats, to_object: NDArray[np.float64], is_perspective: bool) -> Floats:
    """Unit directions [N, 3] from the camera to `positions` [3, N], in the object's space."""
    if not is_perspective:
        forward = -to_object[:3, 2] / np.linalg.norm(to_object[:3, 2])
        return np.broadcast_to(forward.astype(np.float32), (positions.shape[1], 3))
    offsets = positions.T - to_object[:3, 3].astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", offsets, offsets))[:, None]
    return offsets / np.maximum(lengths, 1e-12)
