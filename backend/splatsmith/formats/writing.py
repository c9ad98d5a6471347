"""Writing splat files of any format, from the asset frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import GaussianCloud, write_cloud
from ..contract.problems import InvalidRequest
from ..contract.splat_formats import TRAITS, SplatFormat, check_up
from ..contract.up_axis import UpAxis, to_asset_rotation
from ..progress import Progress, silent
from . import (
    compressed_ply,
    gltf_writer,
    ksplat_writer,
    sog_writer,
    splat,
    spz_writer,
    usd,
)
from .decoded import from_asset_frame
from .merging import limited_degree, merged

Encoder = Callable[[Path, GaussianCloud, UpAxis, Progress], None]


_ENCODERS: dict[SplatFormat, Encoder] = {
    SplatFormat.COMPRESSED_PLY: compressed_ply.write,
    SplatFormat.SPLAT: splat.write,
    SplatFormat.KSPLAT: ksplat_writer.write,
    SplatFormat.SPZ: spz_writer.write,
    SplatFormat.SOG: sog_writer.write,
    SplatFormat.GLTF: gltf_writer.write,
    SplatFormat.USD: usd.write,
}


def write_splats(
    path: Path,
    clouds: Sequence[GaussianCloud],
    format: SplatFormat,
    up: UpAxis = UpAxis.Y,
    origin: NDArray[np.float64] | None = None,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Write all Gaussians of `clouds`, which are of the asset frame, as one file, atomically.

    Args:
        up: the file's axis that is to point up, for formats whose definition does not fix it.
        origin: [3] float64, where the clouds' zero lies; plain PLY keeps it, of others a note says
            it.

    Returns:
        Sentences for the user on what the format does not keep.

    Raises:
        Cancelled: from `progress`.
        InvalidRequest: there are no Gaussians, their values are not numbers, or the format cannot
            hold them.
        OSError: the file cannot be written.
    """
    check_up(format, up)
    cloud = merged(clouds)
    _check_values(cloud)
    kept = limited_degree(cloud, min(cloud.degree, TRAITS[format].degree))
    turned = from_asset_frame(replace(kept, shN=_finite(kept.shN)), up)
    progress = progress or silent()
    progress.step(0, 1)
    if format is SplatFormat.PLY:
        origin = np.zeros(3) if origin is None else origin
        write_cloud(path, turned, to_asset_rotation(up).T @ origin, up)
        return ()
    _ENCODERS[format](path, turned, up, progress)
    return (*_harmonics_notes(cloud, format), *_origin_notes(origin))


def _check_values(cloud: GaussianCloud) -> None:
    if not len(cloud):
        raise InvalidRequest("There are no Gaussians to write.", "Choose other splats.")
    arrays = (cloud.means, cloud.quats, cloud.scales, cloud.opacities, cloud.sh0)
    if not all(np.isfinite(array).all() for array in arrays):
        raise InvalidRequest(
            "Some of the Gaussians have values that are not numbers.", "Remove them first."
        )


def _finite(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values if np.isfinite(values).all() else np.nan_to_num(values, posinf=0, neginf=0)


def _harmonics_notes(cloud: GaussianCloud, format: SplatFormat) -> tuple[str, ...]:
    most = TRAITS[format].degree
    if cloud.degree <= most or not cloud.shN.any():
        return ()
    kept = f"of degree {most}" if most else "none"
    return (
        f"The splats have harmonics of degree {cloud.degree}; {TRAITS[format].title} files keep"
        f" {kept}.",
    )


def _origin_notes(origin: NDArray[np.float64] | None) -> tuple[str, ...]:
    if origin is None or not origin.any():
        return ()
    place = ", ".join(f"{value:.10g}" for value in origin)
    return (f"The zero of the file lies at ({place}) of what was read, with Y up.",)
