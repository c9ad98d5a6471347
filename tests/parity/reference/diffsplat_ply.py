"""The PLY file that DiffSplat's published program writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from splatsmith.contract.cloud import SH_C0
from splatsmith.contract.ply import write_vertices
from splatsmith.gaussians.gaussian_batch import GaussianBatch

_FLOATS = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity")
_SHAPES = ("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
_VERTEX = np.dtype(
    [(name, "<f4") for name in (*_FLOATS, *_SHAPES)]
    + [(name, "u1") for name in ("red", "green", "blue")]
)


def write_published_ply(path: Path, gaussians: GaussianBatch, opacity_threshold: float) -> None:
    """Write the first cloud: 8-bit colours besides f_dc, and quaternions of any length."""
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
