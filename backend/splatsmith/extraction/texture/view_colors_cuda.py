"""`view_colors` in torch: many points and all views at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...gaussians.rendering import NEAR_PLANE
from ..views.rendered_views import SURFACE_ALPHA, RenderedViews
from .view_colors import FACING, GRAZING, LEAST_WEIGHT, TOLERANCE

_MOST_PAIRS = 1 << 22  # of points and views at once: each takes about 150 bytes
_TINY = 1e-12


@dataclass(frozen=True)
class ViewTensors:
    """C views on a device.

    Attributes:
        projections: [C, 3, 4] from space to pixels.
        positions: [C, 3] of the cameras.
        pixels: [C H W, 5] premultiplied colours, alpha and depth.
        width, height: of a view.
    """

    projections: Tensor
    positions: Tensor
    pixels: Tensor
    width: int
    height: int

    @staticmethod
    def from_views(views: RenderedViews, device: str) -> ViewTensors:
        cameras, rendering = views.cameras, views.rendering
        layers = (rendering.colors, rendering.alphas[..., None], rendering.depths[..., None])
        pixels = torch.cat([torch.as_tensor(layer, device=device) for layer in layers], -1)
        return ViewTensors(
            torch.as_tensor(cameras.Ks @ cameras.viewmats[:, :3], device=device),
            torch.as_tensor(cameras.positions, device=device),
            pixels.flatten(0, 2),
            cameras.width,
            cameras.height,
        )


def view_colors_cuda(points: Tensor, normals: Tensor, views: ViewTensors) -> tuple[Tensor, Tensor]:
    """As `view_colors`: sRGB colours [N, 3] and weights [N] of all points."""
    colors, weights = torch.zeros_like(points), torch.zeros_like(points[:, 0])
    batch_size = max(1, _MOST_PAIRS // len(views.positions))
    for start in range(0, len(points), batch_size):
        batch = slice(start, start + batch_size)
        colors[batch], weights[batch] = _sample_views(points[batch], normals[batch], views)
    return colors, weights


def _sample_views(points: Tensor, normals: Tensor, views: ViewTensors) -> tuple[Tensor, Tensor]:
    cosines = _cosines(points, normals, views.positions)
    colors, sample_weights = _sample_each_view(points, views)
    weights = cosines * cosines * sample_weights
    facing = weights * (cosines > float(FACING))
    enough = facing.sum(1, keepdim=True) > float(LEAST_WEIGHT)
    weights = torch.where(enough, facing, weights * (cosines > float(GRAZING)))
    total = weights.sum(1)
    total = torch.where(total > float(LEAST_WEIGHT), total, 0)
    means = (weights[:, None] @ colors)[:, 0] / total[:, None].clamp(min=_TINY)
    return torch.where(total[:, None] > 0, means, 0), total


def _cosines(points: Tensor, normals: Tensor, positions: Tensor) -> Tensor:
    """[N, C] between the normals and the directions to the cameras."""
    gaps = positions - points[:, None]
    return (gaps * normals[:, None]).sum(-1) / gaps.square().sum(-1).sqrt()


def _sample_each_view(points: Tensor, views: ViewTensors) -> tuple[Tensor, Tensor]:
    """Colours [N, C, 3] of points in every view and their weights [N, C], 0 if not visible there.

    Bilinear, without the pixels that do not show this surface.
    """
    width, height = views.width, views.height
    matrices = views.projections.permute(1, 2, 0)  # [3, 4, C]
    u, v, z = (points @ row[:3] + row[3] for row in matrices)
    x, y = u / z - 0.5, v / z - 0.5
    column, row = x.floor(), y.floor()
    inside = (z >= NEAR_PLANE) & (column >= 0) & (row >= 0)
    inside &= (column + 1 < width) & (row + 1 < height)
    right, below = x - column, y - row
    view_starts = torch.arange(len(views.positions), device=z.device) * (width * height)
    places = torch.where(inside, row * width + column, 0).long() + view_starts
    weights, opacity = torch.zeros_like(z), torch.zeros_like(z)
    colors = torch.zeros(*z.shape, 3, device=z.device)
    for i, j in ((0, 0), (1, 0), (0, 1), (1, 1)):
        pixel = views.pixels[places + (j * width + i)]
        gap = (pixel[..., 4] - z).abs() / float(TOLERANCE)
        shown = inside & (pixel[..., 3] >= float(SURFACE_ALPHA)) & (gap < 1)
        share = (right if i else 1 - right) * (below if j else 1 - below) * (1 - gap)
        share = torch.where(shown, share, 0)
        weights += share
        opacity += share * pixel[..., 3]
        colors += share[..., None] * pixel[..., :3]
    return colors / opacity[..., None].clamp(min=_TINY), weights
