"""What a decoder returns, and its way to the asset frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..contract.cloud import GaussianCloud, LoadedCloud
from ..contract.problems import UnreadableCloud
from ..contract.transform import transform_cloud
from ..contract.up_axis import UpAxis, to_asset_rotation

_MAX_DROPPED = 0.1  # share of Gaussians that may be dropped; beyond it, the file is damaged


@dataclass(frozen=True)
class DecodedSplats:
    """A file's Gaussians in its own axes, just as they are stored.

    Attributes:
        up: the axis that the file, or its format, says points up; None if neither does.
        notes: sentences for the user.
    """

    cloud: GaussianCloud
    up: UpAxis | None = None
    notes: tuple[str, ...] = ()


def to_loaded(decoded: DecodedSplats, path: Path, up: UpAxis | None) -> LoadedCloud:
    """`decoded` in the asset frame, without Gaussians that are no numbers.

    Args:
        up: the axis that points up, whatever the file says.

    Raises:
        UnreadableCloud: more than a tenth of the Gaussians are no numbers.
    """
    axis = up or decoded.up or UpAxis.Y
    sound, dropped = _sound(decoded.cloud, path)
    mended, harmonics = _with_finite_harmonics(sound)
    notes = (*decoded.notes, *dropped, *harmonics)
    return LoadedCloud(_turned(_normalized(mended), axis), np.zeros(3), axis, notes)


def _sound(cloud: GaussianCloud, path: Path) -> tuple[GaussianCloud, tuple[str, ...]]:
    """The Gaussians of finite shape and color, and a note on the others."""
    arrays = (cloud.means, cloud.quats, cloud.scales, cloud.opacities[:, None], cloud.sh0)
    kept = np.ones(len(cloud), np.bool_)
    for array in arrays:
        finite = np.isfinite(array)
        if not finite.all():
            kept &= finite.all(axis=1)
    lost = len(cloud) - int(np.count_nonzero(kept))
    if not lost:
        return cloud, ()
    if lost > _MAX_DROPPED * len(cloud):
        raise UnreadableCloud(
            f"{path.name} is damaged: {lost:,} of its {len(cloud):,} Gaussians have values that"
            " are not numbers.",
            "Export it again, without such Gaussians.",
        )
    note = f"{lost:,} of {len(cloud):,} Gaussians have values that are not numbers;"
    return cloud.select(kept), (f"{note} they are left out.",)


def _with_finite_harmonics(cloud: GaussianCloud) -> tuple[GaussianCloud, tuple[str, ...]]:
    finite = np.isfinite(cloud.shN)
    if finite.all():
        return cloud, ()
    count = int(np.count_nonzero(~finite.all(axis=(1, 2))))
    note = f"The harmonics of {count:,} Gaussians are not numbers; they are taken as 0."
    return replace(cloud, shN=np.where(finite, cloud.shN, np.float32(0))), (note,)


def _normalized(cloud: GaussianCloud) -> GaussianCloud:
    """With unit quaternions (none means no rotation), scales and opacities in their ranges."""
    length = np.sqrt(np.einsum("ij,ij->i", cloud.quats, cloud.quats))[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        quats = cloud.quats / length
    quats[length[:, 0] == 0] = (1, 0, 0, 0)
    return replace(
        cloud,
        quats=quats,
        scales=np.abs(cloud.scales),
        opacities=np.clip(cloud.opacities, 0, 1),
    )


def _turned(cloud: GaussianCloud, up: UpAxis) -> GaussianCloud:
    """`cloud`, whose axis `up` points up, with +Y up."""
    return cloud if up is UpAxis.Y else transform_cloud(cloud, to_asset_rotation(up))


def from_asset_frame(cloud: GaussianCloud, up: UpAxis) -> GaussianCloud:
    """`cloud` of the asset frame as a file has it whose axis `up` points up."""
    return cloud if up is UpAxis.Y else transform_cloud(cloud, to_asset_rotation(up).T)
