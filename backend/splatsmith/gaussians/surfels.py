"""Flat Gaussians on a surface (surfels; Pfister et al. 2000), as a cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..contract.cloud import SH_C0, GaussianCloud
from ..contract.transform import quaternions
from .numba_jit import Floats

OPACITY = 0.98  # opaque together, and still with a smooth falloff at silhouettes
_THICKNESS = 0.1  # of the smaller tangential standard deviation


@dataclass(frozen=True)
class Surfels:
    """N elliptical discs.

    Attributes:
        positions: [N, 3].
        tangents: [N, 3] unit vectors along the first axis.
        normals: [N, 3] unit vectors, perpendicular to the tangents.
        sigmas: [N, 2] standard deviations along the tangent, and across it.
        colors: [N, 3] sRGB, 0..1.
    """

    positions: Floats
    tangents: Floats
    normals: Floats
    sigmas: Floats
    colors: Floats

    @classmethod
    def concatenated(cls, parts: Sequence[Surfels]) -> Surfels:
        names = ("positions", "tangents", "normals", "sigmas", "colors")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def to_cloud(self) -> GaussianCloud:
        axes = (self.tangents, np.cross(self.normals, self.tangents), self.normals)
        thickness = _THICKNESS * self.sigmas.min(axis=1, keepdims=True)
        count = len(self.positions)
        return GaussianCloud(
            means=self.positions.astype(np.float32),
            quats=quaternions(np.stack(axes, axis=-1)),
            scales=np.concatenate([self.sigmas, thickness], axis=1).astype(np.float32),
            opacities=np.full(count, OPACITY, np.float32),
            sh0=((self.colors - 0.5) / SH_C0).astype(np.float32),
            shN=np.zeros((count, 0, 3), np.float32),
        )


def any_tangents(normals: Floats) -> Floats:
    """[N, 3] unit vectors, each perpendicular to a unit normal [N, 3]."""
    axes = np.eye(3, dtype=np.float32)[np.abs(normals).argmin(axis=1)]
    tangents = np.cross(normals, axes)
    return tangents / np.linalg.norm(tangents, axis=1, keepdims=True)
