"""What `view_colors_cuda` does, in torch: for many points and all pictures at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...gaussians.rendering import NEAR_PLANE
from ..views.rendered_views import RenderedViews
from .view_colors import GRAZING, LEAST, SOLID, SQUARE, TOLERANCE

_MOST_PAIRS = 1 << 22  # of points and pictures at once: each takes about 150 bytes
_TINY = 1e-12


@dataclass(frozen=True)
class ViewTensors:
    """Views on a device.

    Attributes:
        projections: [C, 3, 4] from space to pixels.
        positions: [C, 3] of the cameras.
        pixels: [C H W, 5] colours over black, alpha and depth.
        size: width and height.
    """

    projections: Tensor
    positions: Tensor
    pixels: Tensor
    size: tuple[int, int]

    @staticmethod
    def of(views: RenderedViews, device: str) -> ViewTensors:
        cameras, drawn = views.cameras, views.rendering
        layers = (drawn.colors, drawn.alphas[..., None], drawn.depths[..., None])
        pixels = torch.cat([torch.as_tensor(layer, device=device) for layer in layers], -1)
        return ViewTensors(
            torch.as_tensor(cameras.Ks @ cameras.viewmats[:, :3], device=device),
            torch.as_tensor(cameras.positions, device=device),
            pixels.flatten(0, 2),
            (cameras.width, cameras.height),
        )


def view_colors_cuda(
    points: Tensor, normals: Tensor, pictures: ViewTensors
) -> tuple[Tensor, Tensor]:
    """As there: sRGB colours [N, 3] of points, and how well they are seen, [N] from 0 up."""
    colors, weights = torch.zeros_like(points), torch.zeros_like(points[:, 0])
    at_once = max(1, _MOST_PAIRS // len(pictures.positions))
    for start in range(0, len(points), at_once):
        few = slice(start, start + at_once)
        colors[few], weights[few] = _look(points[few], normals[few], pictures)
    return colors, weights


def _look(points: Tensor, normals: Tensor, pictures: ViewTensors) -> tuple[Tensor, Tensor]:
    facing = _facing(points, normals, pictures.positions)
    colors, trust = _sample(points, pictures)
    weights = facing * facing * trust
    square = weights * (facing > float(SQUARE))
    enough = square.sum(1, keepdim=True) > float(LEAST)
    weights = torch.where(enough, square, weights * (facing > float(GRAZING)))
    total = weights.sum(1)
    total = torch.where(total > float(LEAST), total, 0)
    means = (weights[:, None] @ colors)[:, 0] / total[:, None].clamp(min=_TINY)
    return torch.where(total[:, None] > 0, means, 0), total


def _facing(points: Tensor, normals: Tensor, positions: Tensor) -> Tensor:
    """[N, C] cosines between normals and the directions to the cameras."""
    gaps = positions - points[:, None]
    return (gaps * normals[:, None]).sum(-1) / gaps.square().sum(-1).sqrt()


def _sample(points: Tensor, pictures: ViewTensors) -> tuple[Tensor, Tensor]:
    """The colours [N, C, 3] of points in every picture and their trust [N, C]; 0 if hidden there.

    Of the four pixels around, those that do not show this surface are left out.
    """
    width, height = pictures.size
    matrices = pictures.projections.permute(1, 2, 0)  # [3, 4, C]
    u, v, z = (points @ row[:3] + row[3] for row in matrices)
    across, down = u / z - 0.5, v / z - 0.5
    column, row = across.floor(), down.floor()
    inside = (z >= NEAR_PLANE) & (column >= 0) & (row >= 0)
    inside &= (column + 1 < width) & (row + 1 < height)
    right, below = across - column, down - row
    pictures_first = torch.arange(len(pictures.positions), device=z.device) * (width * height)
    places = torch.where(inside, row * width + column, 0).long() + pictures_first
    trust, light = torch.zeros_like(z), torch.zeros_like(z)
    colors = torch.zeros(*z.shape, 3, device=z.device)
    for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        pixel = pictures.pixels[places + (y * width + x)]
        gap = (pixel[..., 4] - z).abs() / float(TOLERANCE)
        shown = inside & (pixel[..., 3] >= float(SOLID)) & (gap < 1)
        share = (right if x else 1 - right) * (below if y else 1 - below) * (1 - gap)
        share = torch.where(shown, share, 0)
        trust += share
        light += share * pixel[..., 3]
        colors += share[..., None] * pixel[..., :3]
    return colors / light[..., None].clamp(min=_TINY), trust
