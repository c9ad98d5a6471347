"""Volume rendering of a density field: stratified and importance samples, as EG3D marches rays.

Chan et al. 2022, "Efficient geometry-aware 3D generative adversarial networks", after Max 1995 and
NeRF. Values in the middle between two samples are means; the field is empty beyond its bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..contract.bounds import Box
from ..gaussians.cameras import Cameras
from ..gaussians.gaussian_batch import pixel_rays
from ..progress import Progress
from .field_function import FieldFunction

_CHUNK = 1 << 18  # samples at once, which bounds the memory
_WEIGHT_FLOOR = 0.01  # of importance: no interval is left out
_TINY = 1e-5
# Of samples beyond the bounds: even the mean of it and any density has no extinction.
_NOTHING = torch.finfo(torch.float32).min / 3

# Uniform numbers [R, N] in 0..1, for R rays and N samples on each.
DrawUniform = Callable[[int, int], Tensor]


@dataclass(frozen=True)
class Rays:
    """origins and unit directions [R, 3] in the asset frame."""

    origins: Tensor
    directions: Tensor

    def __len__(self) -> int:
        return len(self.origins)

    def part(self, part: slice) -> Rays:
        return Rays(self.origins[part], self.directions[part])


@dataclass(frozen=True)
class RayLimits:
    """near and far [R, 1] of rays within a box; of those that miss it, the least and the greatest
    near of the others.
    """

    near: Tensor
    far: Tensor


@dataclass(frozen=True)
class SampleCounts:
    """On each ray: one in each of equal intervals, and as many again where something is."""

    stratified: int = 64
    importance: int = 64

    @property
    def total(self) -> int:
        return self.stratified + self.importance


@dataclass(frozen=True)
class RayColors:
    """Of R rays.

    colors: [R, 3] sRGB, premultiplied by the alphas. alphas: [R]. depths: [R] along the rays,
    the sum of the samples' by their weights, which is too little where alphas are below 1.
    nearest, farthest: of all samples, the range of depths.
    """

    colors: Tensor
    alphas: Tensor
    depths: Tensor
    nearest: Tensor
    farthest: Tensor

    @classmethod
    def concatenated(cls, parts: list[RayColors]) -> RayColors:
        return cls(
            torch.cat([part.colors for part in parts]),
            torch.cat([part.alphas for part in parts]),
            torch.cat([part.depths for part in parts]),
            torch.stack([part.nearest for part in parts]).min(),
            torch.stack([part.farthest for part in parts]).max(),
        )

    def over(self, background: Tensor) -> Tensor:
        """[R, 3] over a background [3] or [R, 3]."""
        return self.colors + (1 - self.alphas[:, None]) * background

    @property
    def clamped_depths(self) -> Tensor:
        """As published: no depth is nearer or farther than all samples."""
        return self.depths.clamp(self.nearest, self.farthest)


@torch.inference_mode()
def render_field(
    function: FieldFunction,
    cameras: Cameras,
    progress: Progress,
    counts: SampleCounts | None = None,
    seed: int = 0,
) -> RayColors:
    """The rays of all pixels of C cameras, R = C H W; equal for equal seeds.

    Raises:
        Cancelled: between two parts of the rays.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(rays: int, samples: int) -> Tensor:
        return torch.rand(rays, samples, generator=generator).to(function.device)

    rays = camera_rays(cameras, function.device)
    return march(function, rays, counts or SampleCounts(), draw, progress)


def march(
    function: FieldFunction,
    rays: Rays,
    counts: SampleCounts,
    draw: DrawUniform,
    progress: Progress,
) -> RayColors:
    """Colours of rays, chunk by chunk: draws are those of the stratified, then of the other
    samples of each chunk.
    """
    limits = box_limits(rays, function.bounds)
    size = max(_CHUNK // counts.total, 1)
    parts: list[RayColors] = []
    for start in range(0, len(rays), size):
        progress.step(start, len(rays))
        part = slice(start, start + size)
        within = RayLimits(limits.near[part], limits.far[part])
        parts.append(_march_chunk(function, rays.part(part), within, counts, draw))
    progress.step(1, 1)
    return RayColors.concatenated(parts)


def camera_rays(cameras: Cameras, device: str) -> Rays:
    """Through the centres of all pixels, row by row."""
    viewmats = torch.from_numpy(cameras.viewmats).to(device)
    fx, fy, cx, cy = (
        torch.from_numpy(cameras.Ks[:, row, column]).to(device)[:, None]
        for row, column in ((0, 0), (1, 1), (0, 2), (1, 2))
    )
    x = (torch.arange(cameras.width, device=device) + 0.5 - cx) / fx
    y = (torch.arange(cameras.height, device=device) + 0.5 - cy) / fy
    directions = F.normalize(pixel_rays(x, y, viewmats[:, :3, :3].mT), dim=-1)
    origins = torch.from_numpy(cameras.positions).to(device)[:, None, None]
    return Rays(origins.expand_as(directions).reshape(-1, 3), directions.reshape(-1, 3))


def box_limits(rays: Rays, box: Box) -> RayLimits:
    """Where rays enter and leave the box (Kay and Kajiya 1986)."""
    lower, upper = (torch.from_numpy(each).to(rays.origins) for each in (box.lower, box.upper))
    inverse = 1 / rays.directions
    first, second = (lower - rays.origins) * inverse, (upper - rays.origins) * inverse
    near = torch.minimum(first, second).amax(-1, keepdim=True)
    far = torch.maximum(first, second).amin(-1, keepdim=True)
    hits = near <= far
    if hits.any():
        near, far = (
            torch.where(hits, near, near[hits].min()),
            torch.where(hits, far, near[hits].max()),
        )
    return RayLimits(near, far)


def _march_chunk(
    function: FieldFunction,
    rays: Rays,
    limits: RayLimits,
    counts: SampleCounts,
    draw: DrawUniform,
) -> RayColors:
    depths = _stratified(limits, draw(len(rays), counts.stratified))
    densities, colors = _evaluate(function, rays, depths)
    if counts.importance:
        weights = _weights(function, depths, densities)
        more = _importance(depths, weights, draw(len(rays), counts.importance))
        more_densities, more_colors = _evaluate(function, rays, more)
        depths, order = torch.cat([depths, more], 1).sort(dim=1)
        densities = torch.cat([densities, more_densities], 1).gather(1, order)
        colors = torch.cat([colors, more_colors], 1)
        colors = colors.gather(1, order[..., None].expand_as(colors))
    return _composite(function, depths, densities, colors)


def _composite(
    function: FieldFunction, depths: Tensor, densities: Tensor, colors: Tensor
) -> RayColors:
    weights = _weights(function, depths, densities)
    return RayColors(
        colors=(weights[..., None] * _middles(colors)).sum(1),
        alphas=weights.sum(1),
        depths=(weights * _middles(depths)).sum(1),
        nearest=depths.min(),
        farthest=depths.max(),
    )


def _stratified(limits: RayLimits, uniform: Tensor) -> Tensor:
    """[R, N] depths, each from one of N steps between the limits on."""
    count = uniform.shape[1]
    steps = torch.linspace(0, 1, count, device=uniform.device)
    span = limits.far - limits.near
    return limits.near + span * (steps + uniform / (count - 1))


def _evaluate(function: FieldFunction, rays: Rays, depths: Tensor) -> tuple[Tensor, Tensor]:
    """Densities [R, N] and colours [R, N, 3] at depths [R, N]; only those within the bounds are
    computed.
    """
    points = rays.origins[:, None] + depths[..., None] * rays.directions[:, None]
    lower, upper = (
        torch.from_numpy(each).to(points) for each in (function.bounds.lower, function.bounds.upper)
    )
    within = ((points >= lower) & (points <= upper)).all(-1)
    densities = torch.full_like(depths, _NOTHING)
    colors = torch.zeros_like(points)
    density, color = function.evaluate(points[within])
    densities[within], colors[within] = density.float(), color.float()
    return densities, colors


def _weights(function: FieldFunction, depths: Tensor, densities: Tensor) -> Tensor:
    """[R, N - 1] each interval's share of the ray's light."""
    thickness = function.extinction_of(_middles(densities)) * depths.diff(dim=1)
    alphas = -torch.expm1(-thickness)
    before = torch.cumsum(thickness, 1) - thickness
    return alphas * torch.exp(-before)


def _middles(values: Tensor) -> Tensor:
    """Means of neighbours along the second axis."""
    return (values[:, :-1] + values[:, 1:]) / 2


def _importance(depths: Tensor, weights: Tensor, uniform: Tensor) -> Tensor:
    """[R, M] depths by the inverse of the distribution of smoothed weights [R, N - 1]."""
    smooth = F.avg_pool1d(F.max_pool1d(weights[:, None], 2, 1, padding=1), 2, 1)[:, 0]
    inner = smooth[:, 1:-1] + _WEIGHT_FLOOR + _TINY
    cumulative = F.pad((inner / inner.sum(1, keepdim=True)).cumsum(1), (1, 0))
    above = torch.searchsorted(cumulative, uniform.contiguous(), right=True)
    below = (above - 1).clamp(min=0)
    above = above.clamp(max=inner.shape[1])
    edges = _middles(depths)
    low, high = cumulative.gather(1, below), cumulative.gather(1, above)
    start, end = edges.gather(1, below), edges.gather(1, above)
    span = torch.where(high - low < _TINY, 1.0, high - low)
    return start + (uniform - low) / span * (end - start)
