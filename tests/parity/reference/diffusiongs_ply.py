"""The PLY file that DiffusionGS's published program writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from splatsmith.contract.cloud import SH_C0
from splatsmith.contract.ply import write_vertices
from splatsmith.engines.diffusiongs.gaussian_parameters import GaussianParameters

COLORS = ("red", "green", "blue")
_VERTEX = np.dtype(
    [(name, "<f4") for name in "xyz"]
    + [(name, "u1") for name in COLORS]
    + [(f"f_dc_{i}", "<f4") for i in range(3)]
    + [(f"f_rest_{i}", "<f4") for i in range(45)]
    + [("opacity", "<f4")]
    + [(f"scale_{i}", "<f4") for i in range(3)]
    + [(f"rot_{i}", "<f4") for i in range(4)]
)


def write_published_ply(path: Path, gaussians: GaussianParameters) -> None:
    """Write the first cloud as the network gives it, with 8-bit colours beside f_dc."""
    colors = (255 * (0.5 + SH_C0 * gaussians.sh0[0]).clamp(0, 1)).floor()
    columns = (
        gaussians.means[0],
        colors,
        gaussians.sh0[0],
        torch.zeros(len(colors), 45),
        gaussians.logits[0],
        gaussians.log_scales[0],
        gaussians.quats[0],
    )
    table = torch.cat(columns, 1).numpy()
    vertices = np.empty(len(table), _VERTEX)
    for index, name in enumerate(_VERTEX.names or ()):
        vertices[name] = table[:, index]
    write_vertices(path, len(vertices), _VERTEX, [vertices])
