"""How far a cloud that was written and read again is from what it was."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.splat_formats import SplatFormat


@dataclass(frozen=True)
class Deviation:
    """The largest difference over all Gaussians.

    position: as a share of the extent. rotation: of quaternions, up to their sign. scale: of its
    logarithm. opacity, color (sRGB) and harmonics: as they are.
    """

    position: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    opacity: float = 0.0
    color: float = 0.0
    harmonics: float = 0.0

    def within(self, limit: Deviation) -> bool:
        names = [field.name for field in fields(self)]
        return all(getattr(self, name) <= getattr(limit, name) for name in names)


_EXACT = Deviation(*[1e-6] * 6)
_COLOR_BYTE = 0.5 / 255 + 1e-6

# Half a step of each format's own quantisation; of positions, along all three axes at once; of
# rotations, with what half steps of three components make of the fourth.
STEPS = {
    SplatFormat.PLY: _EXACT,
    SplatFormat.GLTF: _EXACT,
    SplatFormat.USD: _EXACT,
    SplatFormat.COMPRESSED_PLY: Deviation(6.1e-4, 3e-3, 4e-3, _COLOR_BYTE, 8e-3, 4 / 256 + 1e-6),
    SplatFormat.SPLAT: Deviation(1e-6, 8e-3, 1e-6, _COLOR_BYTE, _COLOR_BYTE, 0),
    SplatFormat.KSPLAT: Deviation(1e-5, 1e-3, 1e-3, _COLOR_BYTE, _COLOR_BYTE, 1e-3),
    SplatFormat.SPZ: Deviation(
        1e-5, 3e-3, 0.5 / 16 + 1e-5, _COLOR_BYTE, 0.2821 * _COLOR_BYTE / 0.15, 0.5 / 128 + 1e-6
    ),
    SplatFormat.SOG: Deviation(2e-5, 1e-2, 0.05, _COLOR_BYTE, 0.02, 0.02),
}


def deviation(before: GaussianCloud, after: GaussianCloud) -> Deviation:
    """Of `after` from `before`, whose Gaussians may be in another order."""
    assert len(before) == len(after)
    extent = float(np.ptp(before.means, axis=0).max())
    distance, match = KDTree(after.means).query(before.means)
    found = after.select(np.asarray(match))
    k = min(before.shN.shape[1], after.shN.shape[1])
    return Deviation(
        position=float(distance.max()) / extent,
        rotation=_rotation_difference(before.quats, found.quats),
        scale=float(np.abs(np.log(before.scales / found.scales)).max()),
        opacity=float(np.abs(before.opacities - found.opacities).max()),
        color=float(np.abs(before.colors - found.colors).max()),
        harmonics=float(np.abs(before.shN[:, :k] - found.shN[:, :k]).max(initial=0)),
    )


def _rotation_difference(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    signs = np.sign(np.einsum("ij,ij->i", left, right))[:, None]
    return float(np.abs(left - signs * right).max())
