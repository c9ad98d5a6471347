"""Whether a field has a surface at its level, and which level would give one."""

from __future__ import annotations

import numpy as np

from ..contract.problems import InvalidRequest
from ..contract.protocol import RESOLUTIONS
from ..extraction.surface.sparse_volume import INSIDE, OUTSIDE, SparseVolume
from ..gaussians.numba_jit import Floats
from .field_function import FieldFunction

_PROBES = 32  # points along each side that densities are looked up at


def check_resolution(resolution: int) -> None:
    """Raise where the samples along a side are too few or too many.

    Raises:
        InvalidRequest: with the range.
    """
    least, most = RESOLUTIONS
    if not least <= resolution <= most:
        raise InvalidRequest(
            f"The field's resolution is {resolution:,}.", f"Choose {least} to {most}."
        )


def check_level(function: FieldFunction, volume: SparseVolume) -> None:
    """Raise where a sampled field is on one side of its level everywhere.

    Raises:
        InvalidRequest: with the densities there are, and a level between them.
    """
    if not ((volume.index == INSIDE).any() or (volume.values < 0).any()):
        raise _refusal(function, "nowhere reaches")
    if not ((volume.index == OUTSIDE).any() or (volume.values > 0).any()):
        raise _refusal(function, "everywhere exceeds")


def _refusal(function: FieldFunction, how: str) -> InvalidRequest:
    densities = _probe(function)
    found, remedy = "", "Try another seed or prompt."
    if len(densities) and densities.min() < densities.max():
        low, high = float(densities.min()), float(densities.max())
        found = f" Its values are between {low:.4g} and {high:.4g}."
        remedy = f"A level of {(low + high) / 2:.3g} would do, or try another seed or prompt."
    return InvalidRequest(
        f"The density {how} the surface's level of {function.level:g}.{found}", remedy
    )


def _probe(function: FieldFunction) -> Floats:
    """The finite densities on a coarse grid."""
    lower, upper = function.bounds.lower, function.bounds.upper
    axes = [np.linspace(low, high, _PROBES) for low, high in zip(lower, upper, strict=True)]
    points = np.stack(np.meshgrid(*axes), -1).reshape(-1, 3).astype(np.float32)
    densities = function.densities(points)
    return densities[np.isfinite(densities)]
