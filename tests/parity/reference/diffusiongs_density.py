"""The density grid of DiffusionGS's published mesh extraction."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.gaussians.rotations import rotation_matrices

EXTENT = 1.8  # of the longest side, after scaling
MARGIN = 1.5  # of a block's width: Gaussians farther from it do not count


def published_density(gaussians: GaussianBatch, resolution: int, blocks: int) -> dict[str, Tensor]:
    """Summed densities on a grid over [-1, 1]^3, block by block, and the scaling before it."""
    means = gaussians.means[0]
    low, high = means.min(0).values, means.max(0).values
    center, scale = (low + high) / 2, EXTENT / (high - low).max()
    means, scales = (means - center) * scale, gaussians.scales[0] * scale
    axes = rotation_matrices(gaussians.quats[0]) / scales[:, None]  # R S^-1
    inverses = axes @ axes.mT
    density = torch.zeros(3 * (resolution,))
    width = resolution // blocks
    coordinates = torch.linspace(-1, 1, resolution).split(width)
    margin = MARGIN * 2 / blocks
    for corner in itertools.product(range(len(coordinates)), repeat=3):
        x, y, z = (coordinates[index] for index in corner)
        points = torch.stack(torch.meshgrid(x, y, z, indexing="ij"), -1).reshape(-1, 3)
        near = ((means > points.amin(0) - margin) & (means < points.amax(0) + margin)).all(1)
        offsets = points[:, None] - means[near]
        distances = torch.einsum("pni,nij,pnj->pn", offsets, inverses[near], offsets)
        summed = (gaussians.opacities[0, near] * torch.exp(-distances / 2)).sum(1)
        region = tuple(slice(index * width, (index + 1) * width) for index in corner)
        density[region] = summed.reshape(width, width, width)
    return {"density": density, "mesh_center": center, "mesh_scale": scale}
