"""From splat images to Gaussians, and to the PLY file that the published program writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...contract.cloud import SH_C0
from ...contract.ply import write_vertices
from ...gaussians.gaussian_batch import GaussianBatch
from .cameras import unproject

LEAST_SCALE, MOST_SCALE = 0.0005, 0.02

_FLOATS = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity")
_SHAPES = ("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
_VERTEX = np.dtype(
    [(name, "<f4") for name in (*_FLOATS, *_SHAPES)]
    + [(name, "u1") for name in ("red", "green", "blue")]
)


def read_gaussians(
    images: Tensor, c2w: Tensor, fxfycxcy: Tensor, opacity_threshold: float
) -> GaussianBatch:
    """Splat images [V, 12, H, W], clamped here to -1..1, to one cloud, row by row of each view.

    Depth 0 lies in the plane through the origin. Quaternions keep the networks' length. An
    opacity of `opacity_threshold` or below becomes 0.
    """
    colors, scales, quats, opacity, depth = images.float().clamp(-1, 1).split((3, 3, 4, 1, 1), 1)
    distance = c2w[:, :3, 3].norm(dim=-1)[:, None, None]
    opacity = 0.5 * opacity + 0.5
    smallness = 0.5 * scales + 0.5
    return GaussianBatch(
        means=_flat(unproject(depth[:, 0] + distance, c2w, fxfycxcy)),
        quats=_flat(quats),
        scales=_flat(LEAST_SCALE * smallness + MOST_SCALE * (1 - smallness)),
        opacities=_flat(torch.where(opacity > opacity_threshold, opacity, 0))[..., 0],
        colors=_flat(0.5 * colors + 0.5),
    )


def write_published_ply(path: Path, gaussians: GaussianBatch, opacity_threshold: float) -> None:
    """Write the first cloud as the published program does, for comparing with its files.

    Unlike contract.cloud's, it has 8-bit colours besides and quaternions of any length.
    """
    kept = gaussians.opacities[0] > opacity_threshold
    opacities = gaussians.opacities[0][kept, None].clamp(1e-6, 1 - 1e-6)
    colors = gaussians.colors[0][kept]
    columns = (
        gaussians.means[0][kept],
        (colors - 0.5) / SH_C0,
        torch.logit(opacities),
        torch.log(gaussians.scales[0][kept] + 1e-8),
        gaussians.quats[0][kept],
        (colors.clamp(0, 1) * 255).floor(),
    )
    table = torch.cat(columns, 1).cpu().numpy()
    vertices = np.empty(len(table), _VERTEX)
    for index, name in enumerate(_VERTEX.names or ()):
        vertices[name] = table[:, index]
    write_vertices(path, len(vertices), _VERTEX, [vertices])


def _flat(maps: Tensor) -> Tensor:
    """[V, C, H, W] to [1, V H W, C]."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)[None]
