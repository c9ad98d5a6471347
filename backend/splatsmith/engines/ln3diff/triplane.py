"""A triplane: three feature planes and a small MLP that give density and color at any point.

Points are in the network's world: right-handed, Z up, the object within the box of side BOX about
the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PLANES = 3
PLANE_CHANNELS = 32
PLANE_SIZE = 128
BOX = 0.9
SURFACE_LEVEL = 10.0  # of the density, where the published program takes the surface
AXES = ((0, 1), (1, 2), (2, 0))  # the coordinates along width and height of each plane
_HIDDEN = 64
_OUTPUTS = 4  # density and color


class PointMlp(nn.Module):
    """Features at points to raw densities and colors (EG3D's decoder).

    Weights are scaled by 1 / sqrt(inputs) when they are used [Karras et al. 2018].
    """

    def __init__(self, channels: int = PLANE_CHANNELS) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, _HIDDEN)
        self.fc2 = nn.Linear(_HIDDEN, _OUTPUTS)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features [..., C] to densities [...] and sRGB colors [..., 3], about 0..1."""
        hidden = F.softplus(_equalized(self.fc1, features))
        density, color = _equalized(self.fc2, hidden).split((1, 3), -1)
        return density[..., 0], color.sigmoid() * 1.002 - 0.001


@dataclass(frozen=True)
class Triplane:
    """planes: [3, C, P, P], features in the XY, YZ and ZX planes. mlp: on the same device."""

    planes: Tensor
    mlp: PointMlp

    def evaluate(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Raw densities [N] and sRGB colors [N, 3], about 0..1, at points [N, 3]."""
        density, color = self.mlp(sample_planes(self.planes[None], points[None]))
        return density[0], color[0]


def sample_planes(planes: Tensor, points: Tensor) -> Tensor:
    """Features [B, N, C] at points [B, N, 3]: the mean over the planes [B, 3, C, P, P].

    Outside of the box a plane's features are 0.
    """
    scaled = points * (2 / BOX)
    grid = torch.stack([scaled[..., axes] for axes in AXES], 1)  # [B, 3, N, 2]
    sampled = F.grid_sample(
        planes.flatten(0, 1), grid.flatten(0, 1)[:, :, None], align_corners=False
    )
    return sampled[..., 0].unflatten(0, (-1, PLANES)).mean(1).transpose(1, 2)


def _equalized(layer: nn.Linear, x: Tensor) -> Tensor:
    return F.linear(x, equalized_weight(layer), layer.bias)


def equalized_weight(layer: nn.Linear) -> Tensor:
    return layer.weight * layer.in_features**-0.5
