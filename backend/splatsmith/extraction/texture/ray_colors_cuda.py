"""`ray_colors` in torch: all groups of rays at once, a few Gaussians a step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .color_field import ColorField
from .gaussian_grid import LEAST_ALPHA
from .ray_colors import FADE_SHARE, MAX_ALPHA, OPAQUE_TRANSMITTANCE, RayWindow

# Gaussians blended between two checks for opaque groups: more when few groups are left.
_LEAST_STEP, _MOST_STEP = 16, 128
# At once: a pair of ray and Gaussian takes about 80 bytes, one of group and Gaussian 200.
_MOST_PAIRS, _MOST_ENTRIES = 1 << 23, 1 << 21
_TINY = 1e-12


@dataclass(frozen=True)
class GaussianTensors:
    """A field's N Gaussians and the cells that they extend into, on a device.

    Attributes:
        means, extents, whitening, opacities, colors: as in `ray_colors.GaussianArrays`.
        levels, starts, members: as in `gaussian_grid.CellLists`, without empty levels.
        window: the part of a ray that counts.
    """

    means: Tensor
    extents: Tensor
    whitening: Tensor
    opacities: Tensor
    colors: Tensor
    levels: Tensor
    starts: Tensor
    members: Tensor
    window: RayWindow

    @staticmethod
    def from_field(field: ColorField, device: str) -> GaussianTensors:
        grid = field.grid
        levels, starts, members = grid.cells
        ends = levels[:, 1] + levels[:, 0] ** 3
        used = levels[starts[ends] > starts[levels[:, 1]]]
        arrays = (grid.means, grid.extents, grid.whitening, field.opacities, field.colors)
        tensors = (torch.as_tensor(a, device=device) for a in (*arrays, used, starts, members))
        return GaussianTensors(*tensors, window=field.window)


@dataclass(frozen=True)
class _Groups:
    """G groups of P rays; shorter groups are padded with their last ray.

    Attributes:
        points, normals: [G, P, 3].
        middle_points, middle_normals: [G, 3], of the ray by which Gaussians are sorted.
        widths: [G] greatest distance of a point from the middle ray.
        lows, highs: [G, 3] boxes around all rays.
    """

    points: Tensor
    normals: Tensor
    middle_points: Tensor
    middle_normals: Tensor
    widths: Tensor
    lows: Tensor
    highs: Tensor

    @staticmethod
    def from_rays(points: Tensor, normals: Tensor, middle: Tensor, window: RayWindow) -> _Groups:
        """Args: middle: [G] index of the middle ray in its group."""
        group = torch.arange(len(points), device=points.device)
        middle_points, middle_normals = points[group, middle], normals[group, middle]
        distances = _line_distances(middle_points[:, None], middle_normals[:, None], points)
        fronts, backs = points + window.outside * normals, points - window.inside * normals
        lows = torch.minimum(fronts, backs).amin(1)
        highs = torch.maximum(fronts, backs).amax(1)
        widths = distances.amax(1)
        return _Groups(points, normals, middle_points, middle_normals, widths, lows, highs)


@dataclass(frozen=True)
class _CellBoxes:
    """[G, L, 3] the first and last cell of each level that groups touch."""

    first: Tensor
    last: Tensor

    @property
    def sizes(self) -> Tensor:
        return self.last - self.first + 1

    def part(self, groups: slice) -> _CellBoxes:
        return _CellBoxes(self.first[groups], self.last[groups])


def blend_along_rays_cuda(
    points: Tensor, normals: Tensor, starts: Tensor, gaussians: GaussianTensors
) -> tuple[Tensor, Tensor]:
    """As `blend_along_rays`: colours [N, 3], divided by alpha, and alphas [N].

    Args:
        points, normals: [N, 3].
        starts: [G + 1] of the groups.
    """
    counts = starts.diff()
    places = torch.arange(int(counts.max()) if len(counts) else 0, device=points.device)
    rays = starts[:-1, None] + torch.minimum(places, counts[:, None] - 1)
    colors, alphas = torch.zeros_like(points), torch.zeros_like(points[:, 0])
    batch_size = max(1, _MOST_PAIRS // (_LEAST_STEP * max(len(places), 1)))
    for batch in torch.arange(len(counts)).split(batch_size) if len(counts) else ():
        part = slice(int(batch[0]), int(batch[-1]) + 1)
        own = rays[part]
        middles = counts[part] // 2
        groups = _Groups.from_rays(points[own], normals[own], middles, gaussians.window)
        rgb, transmittance = _blend(groups, *_sorted_gaussians(groups, gaussians), gaussians)
        # A padded group's last ray is written several times, always with the same colour.
        alphas[own] = 1 - transmittance
        colors[own] = rgb / (1 - transmittance[..., None]).clamp(min=_TINY)
    return colors, alphas


def _sorted_gaussians(groups: _Groups, gaussians: GaussianTensors) -> tuple[Tensor, Tensor]:
    """The Gaussians that groups may meet, group by group, front to back; and how many [G]."""
    sides = gaussians.levels[:, :1]
    boxes = _CellBoxes(_cell(groups.lows[:, None], sides), _cell(groups.highs[:, None], sides))
    entries = boxes.sizes.prod(-1).sum(-1)
    parts = [
        _find_candidates(groups, boxes, part, gaussians)
        for part in _batches(entries, _MOST_ENTRIES)
    ]
    group, found, depths = (torch.cat(each) for each in zip(*parts, strict=True))
    order = depths.argsort()
    order = order[group[order].argsort(stable=True)]
    return found[order], torch.bincount(group, minlength=len(groups.points))


def _find_candidates(
    groups: _Groups, boxes: _CellBoxes, part: slice, gaussians: GaussianTensors
) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of some groups and Gaussians that may meet: group [M], Gaussian [M] and depth [M]."""
    sizes, first = boxes.part(part).sizes, boxes.first[part]
    row, place = _expand(sizes.prod(-1).reshape(-1))
    group, level = row // len(gaussians.levels), row % len(gaussians.levels)
    _, ny, nz = sizes.reshape(-1, 3)[row].T
    offsets = torch.stack([place // (ny * nz), place // nz % ny, place % nz], 1)
    cell = first.reshape(-1, 3)[row] + offsets
    side, base = gaussians.levels[level].T
    number = base + (cell[:, 0] * side + cell[:, 1]) * side + cell[:, 2]
    lengths = gaussians.starts[number + 1] - gaussians.starts[number]
    some = lengths.nonzero()[:, 0]
    start = gaussians.starts[number[some]]
    lists = _Lists(group[some] + part.start, cell[some], side[some], start, lengths[some])
    met = [
        _filter_candidates(groups, lists.part(batch), gaussians)
        for batch in _batches(lists.lengths, _MOST_ENTRIES)
    ]
    which, found, depths = (torch.cat(each) for each in zip(*met, strict=True))
    return which, found, depths


@dataclass(frozen=True)
class _Lists:
    """Lists of Gaussians in cells that groups touch.

    Attributes:
        group: [R].
        cell: [R, 3] coordinates in their level.
        side: [R] cells a side of the level.
        start: [R] of the list in `members`.
        lengths: [R].
    """

    group: Tensor
    cell: Tensor
    side: Tensor
    start: Tensor
    lengths: Tensor

    def part(self, rows: slice) -> _Lists:
        return _Lists(
            self.group[rows], self.cell[rows], self.side[rows], self.start[rows], self.lengths[rows]
        )


def _filter_candidates(
    groups: _Groups, lists: _Lists, gaussians: GaussianTensors
) -> tuple[Tensor, Tensor, Tensor]:
    """As `_find_candidates`, of lists."""
    row, place = _expand(lists.lengths)
    group, cell, side = lists.group[row], lists.cell[row], lists.side[row]
    found = gaussians.members[lists.start[row] + place].long()
    means, extents = gaussians.means[found], gaussians.extents[found]
    lows, highs = torch.maximum(groups.lows[group], means - extents), means + extents
    meets = (highs >= groups.lows[group]) & (means - extents <= groups.highs[group])
    # Both boxes may share several cells: only the first one counts.
    meets = (meets & (_cell(lows, side[:, None]) == cell)).all(1)
    points, normals = groups.middle_points[group], groups.middle_normals[group]
    distances = _line_distances(points, normals, means)
    chosen = (meets & (distances <= extents.amax(1) + groups.widths[group])).nonzero()[:, 0]
    found = found[chosen]
    return group[chosen], found, _peak_depths(points[chosen], normals[chosen], found, gaussians)


def _peak_depths(
    points: Tensor, normals: Tensor, found: Tensor, gaussians: GaussianTensors
) -> Tensor:
    """[M] depths below points [M, 3] at which Gaussians peak on the lines along the normals."""
    whitening = gaussians.whitening[found]
    slopes = (whitening * normals[:, None]).sum(-1)
    offsets = (whitening * (points - gaussians.means[found])[:, None]).sum(-1)
    return (slopes * offsets).sum(-1) / (slopes * slopes).sum(-1).clamp(min=_TINY)


def _blend(
    groups: _Groups, order: Tensor, counts: Tensor, gaussians: GaussianTensors
) -> tuple[Tensor, Tensor]:
    """Premultiplied colours [G, P, 3] and transmittances [G, P] of all rays."""
    transmittance = torch.ones_like(groups.points[..., 0])
    rgb = torch.zeros_like(groups.points)
    starts = counts.cumsum(0) - counts
    active, done = counts.nonzero()[:, 0], 0
    while len(active):
        fitting = _MOST_PAIRS // (len(active) * transmittance.shape[1])
        step = min(max(fitting, _LEAST_STEP), _MOST_STEP)
        ranks = done + torch.arange(step, device=transmittance.device)
        exists = ranks < counts[active, None]
        chosen = order[(starts[active, None] + ranks).clamp(max=len(order) - 1)]
        alphas = _alphas(groups, active, chosen, gaussians) * exists[:, None]
        left = (1 - alphas).cumprod(-1)
        before = torch.cat([torch.ones_like(left[..., :1]), left[..., :-1]], -1)
        weights = alphas * before * transmittance[active, :, None]
        rgb[active] += weights @ gaussians.colors[chosen]
        transmittance[active] *= left[..., -1]
        done += step
        is_open = transmittance[active].amax(1) >= float(OPAQUE_TRANSMITTANCE)
        active = active[is_open & (counts[active] > done)]
    return rgb, transmittance


def _alphas(groups: _Groups, active: Tensor, chosen: Tensor, gaussians: GaussianTensors) -> Tensor:
    """[g, P, K] of Gaussians `chosen` [g, K] at their peaks along some groups' rays.

    Relative to the middle point, so that no large numbers cancel.
    """
    whitening = gaussians.whitening[chosen].permute(0, 3, 2, 1).flatten(2)  # [g, 3, 3 K]
    middles = groups.middle_points[active, None]
    relative = (gaussians.means[chosen] - middles)[:, :, None]
    centers = (gaussians.whitening[chosen] * relative).sum(-1)
    centers = centers.mT.flatten(1)[:, None]  # [g, 1, 3 K]
    split = (3, chosen.shape[1])
    offsets = ((groups.points[active] - middles) @ whitening - centers).unflatten(-1, split)
    slopes = (groups.normals[active] @ whitening).unflatten(-1, split)
    depths = (slopes * offsets).sum(2) / ((slopes * slopes).sum(2) + _TINY)
    offsets -= depths[:, :, None] * slopes
    distances = 0.5 * (offsets * offsets).sum(2)
    peaks = gaussians.opacities[chosen][:, None] * torch.exp(-distances)
    alphas = peaks.clamp(max=float(MAX_ALPHA))
    outside, inside = gaussians.window
    # Gaussians fade towards either end of the window, so that colours are continuous.
    fade_length = float(FADE_SHARE) * (outside + inside)
    fade = torch.minimum(depths + outside, inside - depths) / fade_length
    return torch.where(alphas >= LEAST_ALPHA, alphas * fade.clamp(0, 1), 0)


def _line_distances(points: Tensor, normals: Tensor, others: Tensor) -> Tensor:
    """Distances of `others` from the lines along the normals; all [..., 3]."""
    gaps = others - points
    along = (gaps * normals).sum(-1)
    return ((gaps * gaps).sum(-1) - along * along).clamp(min=0).sqrt()


def _cell(positions: Tensor, sides: Tensor) -> Tensor:
    """Cell coordinates, of `sides` cells along each side of the cube [-1, 1]^3."""
    cells = ((positions + 1) * 0.5 * sides).floor().clamp(min=0).long()
    return torch.minimum(cells, sides - 1)


def _expand(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Of rows repeated `counts` [R] times: each copy's row, and its rank among the row's copies."""
    rows = torch.repeat_interleave(counts)
    return rows, torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]


def _batches(counts: Tensor, most: int) -> Iterator[slice]:
    """Slices of rows whose `counts` add up to at most `most`, or of one row that exceeds it."""
    ends = counts.cumsum(0).cpu()
    start = done = 0
    while start < len(ends) or not start:
        end = max(start + 1, int(torch.searchsorted(ends, done + most, right=True)))
        yield slice(start, end)
        if end >= len(ends):
            return
        start, done = end, int(ends[end - 1])
