"""What `inward_looks` does, in torch: for all groups of points at once, a few Gaussians a step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .color_field import ColorField
from .gaussian_grid import FAINTEST
from .ray_colors import FADE, FULL, MAX_ALPHA

# Gaussians that are blended between two looks at which groups are full: more when few are left.
_LEAST_STEP, _MOST_STEP = 16, 128
# At once: pairs of points and Gaussians take about 80 bytes, those of groups and Gaussians 200.
_MOST_PAIRS, _MOST_ENTRIES = 1 << 23, 1 << 21
_TINY = 1e-12


@dataclass(frozen=True)
class GaussianTensors:
    """A field's N Gaussians, as there, and the cells that they reach into, on a device.

    Attributes:
        levels: [L, 2] as in `gaussian_grid.Lists`, without the grids that hold nobody.
        starts, members: as in `gaussian_grid.Lists`.
        window: how far outside and inside of a point Gaussians count.
    """

    means: Tensor
    reaches: Tensor
    shapes: Tensor
    opacities: Tensor
    colors: Tensor
    levels: Tensor
    starts: Tensor
    members: Tensor
    window: tuple[float, float]

    @staticmethod
    def of(field: ColorField, device: str) -> GaussianTensors:
        grid = field.grid
        levels, starts, members = grid.lists
        ends = levels[:, 1] + levels[:, 0] ** 3
        used = levels[starts[ends] > starts[levels[:, 1]]]
        arrays = (grid.means, grid.reaches, grid.shapes, field.opacities, field.colors)
        tensors = (torch.as_tensor(a, device=device) for a in (*arrays, used, starts, members))
        return GaussianTensors(*tensors, window=field.window)


@dataclass(frozen=True)
class _Groups:
    """G groups of points: points and normals [G, P, 3], short groups filled with their last point.

    Attributes:
        middles, facing: [G, 3], the points and normals by which Gaussians are sorted.
        widths: [G] how far points are from the line along the middle one's normal.
        lows, highs: [G, 3] the boxes that hold all that the points may meet.
    """

    points: Tensor
    normals: Tensor
    middles: Tensor
    facing: Tensor
    widths: Tensor
    lows: Tensor
    highs: Tensor

    @staticmethod
    def of(points: Tensor, normals: Tensor, middle: Tensor, window: tuple[float, float]) -> _Groups:
        """Args: middle: [G], the middle point's place in its group."""
        which = torch.arange(len(points), device=points.device)
        middles, facing = points[which, middle], normals[which, middle]
        widths = _off_line(middles[:, None], facing[:, None], points).amax(1)
        fronts, backs = points + window[0] * normals, points - window[1] * normals
        lows = torch.minimum(fronts, backs).amin(1)
        highs = torch.maximum(fronts, backs).amax(1)
        return _Groups(points, normals, middles, facing, widths, lows, highs)


def blend_along_rays_cuda(
    points: Tensor, normals: Tensor, starts: Tensor, blobs: GaussianTensors
) -> tuple[Tensor, Tensor]:
    """As there: colours [N, 3] and alphas [N].

    Args:
        points, normals: [N, 3].
        starts: [G + 1] of the groups.
    """
    counts = starts.diff()
    places = torch.arange(int(counts.max()) if len(counts) else 0, device=points.device)
    texels = starts[:-1, None] + torch.minimum(places, counts[:, None] - 1)
    colors, alphas = torch.zeros_like(points), torch.zeros_like(points[:, 0])
    at_once = max(1, _MOST_PAIRS // (_LEAST_STEP * max(len(places), 1)))
    for few in torch.arange(len(counts)).split(at_once) if len(counts) else ():
        part = slice(int(few[0]), int(few[-1]) + 1)
        spots = texels[part]
        middles = counts[part] // 2
        groups = _Groups.of(points[spots], normals[spots], middles, blobs.window)
        rgb, light = _blend(groups, *_in_order(groups, blobs), blobs)
        # A group's last point stands there several times, always with the same colour.
        alphas[spots] = 1 - light
        colors[spots] = rgb / (1 - light[..., None]).clamp(min=_TINY)
    return colors, alphas


def _in_order(groups: _Groups, blobs: GaussianTensors) -> tuple[Tensor, Tensor]:
    """The Gaussians that groups may meet, group after group, each front to back; [G] how many."""
    first, last = (_cells(corner, blobs.levels[:, :1]) for corner in (groups.lows, groups.highs))
    boxes = (last - first + 1).prod(-1).sum(-1)
    parts = [
        _candidates(groups, (first, last), part, blobs) for part in _parts(boxes, _MOST_ENTRIES)
    ]
    which, found, depths = (torch.cat(each) for each in zip(*parts, strict=True))
    order = depths.argsort()
    order = order[which[order].argsort(stable=True)]
    return found[order], torch.bincount(which, minlength=len(groups.points))


def _candidates(
    groups: _Groups, boxes: tuple[Tensor, Tensor], part: slice, blobs: GaussianTensors
) -> tuple[Tensor, Tensor, Tensor]:
    """Of some groups: the numbers of group and Gaussian [M] of all that may meet, and the depth."""
    first, last = (corner[part] for corner in boxes)
    sizes = last - first + 1
    row, place = _expanded(sizes.prod(-1).reshape(-1))
    group, level = row // len(blobs.levels), row % len(blobs.levels)
    _, up, along = sizes.reshape(-1, 3)[row].T
    offsets = torch.stack([place // (up * along), place // along % up, place % along], 1)
    cell = first.reshape(-1, 3)[row] + offsets
    side, base = blobs.levels[level].T
    number = base + (cell[:, 0] * side + cell[:, 1]) * side + cell[:, 2]
    lengths = blobs.starts[number + 1] - blobs.starts[number]
    some = lengths.nonzero()[:, 0]
    lists = (group[some] + part.start, cell[some], side[some], blobs.starts[number[some]])
    lengths = lengths[some]
    met = [
        _met(groups, [each[few] for each in lists], lengths[few], blobs)
        for few in _parts(lengths, _MOST_ENTRIES)
    ]
    which, found, depths = (torch.cat(each) for each in zip(*met, strict=True))
    return which, found, depths


def _met(
    groups: _Groups, lists: list[Tensor], lengths: Tensor, blobs: GaussianTensors
) -> tuple[Tensor, Tensor, Tensor]:
    """As `_candidates`, of cells' lists: the group, the cell [3], cells a side, the first place."""
    row, place = _expanded(lengths)
    group, cell, side, start = (each[row] for each in lists)
    found = blobs.members[start + place].long()
    means, reaches = blobs.means[found], blobs.reaches[found]
    lows, highs = torch.maximum(groups.lows[group], means - reaches), means + reaches
    meets = (highs >= groups.lows[group]) & (means - reaches <= groups.highs[group])
    # Of the cells that both boxes lie in, only the first one answers.
    meets = (meets & (_cell(lows, side[:, None]) == cell)).all(1)
    off = _off_line(groups.middles[group], groups.facing[group], means)
    chosen = (meets & (off <= reaches.amax(1) + groups.widths[group])).nonzero()[:, 0]
    group, found = group[chosen], found[chosen]
    return group, found, _depths(groups.middles[group], groups.facing[group], found, blobs)


def _depths(points: Tensor, normals: Tensor, found: Tensor, blobs: GaussianTensors) -> Tensor:
    """[M] how far inside of points [M, 3] Gaussians peak on the lines along the normals."""
    shapes = blobs.shapes[found]
    slopes = (shapes * normals[:, None]).sum(-1)
    offsets = (shapes * (points - blobs.means[found])[:, None]).sum(-1)
    return (slopes * offsets).sum(-1) / (slopes * slopes).sum(-1).clamp(min=_TINY)


def _blend(
    groups: _Groups, order: Tensor, counts: Tensor, blobs: GaussianTensors
) -> tuple[Tensor, Tensor]:
    """Of every point the colours [G, P, 3], times alpha, and the light [G, P] that is left."""
    light = torch.ones_like(groups.points[..., 0])
    rgb = torch.zeros_like(groups.points)
    starts = counts.cumsum(0) - counts
    active, done = counts.nonzero()[:, 0], 0
    while len(active):
        fitting = _MOST_PAIRS // (len(active) * light.shape[1])
        steps = done + torch.arange(min(max(fitting, _LEAST_STEP), _MOST_STEP), device=light.device)
        there = steps < counts[active, None]
        blob = order[(starts[active, None] + steps).clamp(max=len(order) - 1)]
        alphas = _alphas(groups, active, blob, blobs) * there[:, None]
        left = (1 - alphas).cumprod(-1)
        before = torch.cat([torch.ones_like(left[..., :1]), left[..., :-1]], -1)
        shares = alphas * before * light[active, :, None]
        rgb[active] += shares @ blobs.colors[blob]
        light[active] *= left[..., -1]
        done += len(steps)
        active = active[(light[active].amax(1) >= float(FULL)) & (counts[active] > done)]
    return rgb, light


def _alphas(groups: _Groups, active: Tensor, blob: Tensor, blobs: GaussianTensors) -> Tensor:
    """[g, P, K] of Gaussians [g, K] where they peak on the ways inwards of some groups' points.

    Places are taken from the middle point, so that the differences of large numbers stay small.
    """
    shapes = blobs.shapes[blob].permute(0, 3, 2, 1).flatten(2)  # [g, 3, 3 K]
    middles = groups.middles[active, None]
    centers = (blobs.shapes[blob] * (blobs.means[blob] - middles)[:, :, None]).sum(-1)
    centers = centers.mT.flatten(1)[:, None]  # [g, 1, 3 K]
    split = (3, blob.shape[1])
    offsets = ((groups.points[active] - middles) @ shapes - centers).unflatten(-1, split)
    slopes = (groups.normals[active] @ shapes).unflatten(-1, split)
    depths = (slopes * offsets).sum(2) / ((slopes * slopes).sum(2) + _TINY)
    offsets -= depths[:, :, None] * slopes
    distances = 0.5 * (offsets * offsets).sum(2)
    alphas = (blobs.opacities[blob][:, None] * torch.exp(-distances)).clamp(max=float(MAX_ALPHA))
    outside, inside = blobs.window
    # Towards either end Gaussians count for less, so that colours change smoothly.
    ends = torch.minimum(depths + outside, inside - depths) / (float(FADE) * (outside + inside))
    return torch.where(alphas >= FAINTEST, alphas * ends.clamp(0, 1), 0)


def _off_line(points: Tensor, normals: Tensor, others: Tensor) -> Tensor:
    """How far `others` are from the lines along the normals; all [..., 3]."""
    gaps = others - points
    along = (gaps * normals).sum(-1)
    return ((gaps * gaps).sum(-1) - along * along).clamp(min=0).sqrt()


def _cells(corners: Tensor, sides: Tensor) -> Tensor:
    """[G, L, 3] the cells of every grid in which corners [G, 3] lie."""
    return _cell(corners[:, None], sides)


def _cell(places: Tensor, sides: Tensor) -> Tensor:
    """The cell along each axis, of `sides`; the grids' cube is [-1, 1]^3."""
    cells = ((places + 1) * 0.5 * sides).floor().clamp(min=0).long()
    return torch.minimum(cells, sides - 1)


def _expanded(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Of rows that stand for so many [R]: the row of each, and its place among its row's."""
    rows = torch.repeat_interleave(counts)
    return rows, torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]


def _parts(counts: Tensor, most: int) -> Iterator[slice]:
    """Slices of rows that stand together for at most `most`, or of one row that is more."""
    ends = counts.cumsum(0).cpu()
    start = done = 0
    while start < len(ends) or not start:
        end = max(start + 1, int(torch.searchsorted(ends, done + most, right=True)))
        yield slice(start, end)
        if end >= len(ends):
            return
        start, done = end, int(ends[end - 1])
