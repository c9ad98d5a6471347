"""Array types of this package's compiled loops, beside those of `gaussians.numba_jit`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..gaussians.numba_jit import Number

Indices = NDArray[np.int32]
Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]
Vector = tuple[Number, Number, Number]  # x, y, z in registers, where an array would be allocated
