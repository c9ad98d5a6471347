"""Percentiles, without what `numpy.percentile` loads on its first call: a tenth of an import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Real = TypeVar("_Real", np.float32, np.float64)


def percentiles(values: NDArray[_Real], ranks: Sequence[float]) -> NDArray[_Real]:
    """The percentiles of `values` [..., M] at `ranks` [R] of 0 to 100: [R, ...].

    Between two values they are interpolated linearly, as numpy's. M is at least 1.
    """
    ordered = np.sort(values, axis=-1)
    places = np.array(ranks, np.float64) / 100 * (values.shape[-1] - 1)
    lower = np.floor(places).astype(np.intp)
    shares = (places - lower).astype(values.dtype)
    first = ordered[..., lower]
    last = ordered[..., np.minimum(lower + 1, values.shape[-1] - 1)]
    return np.moveaxis(first + shares * (last - first), -1, 0)
