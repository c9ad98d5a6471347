"""How this package's loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Number = float | np.floating
Function = TypeVar("Function", bound=Callable[..., object])

# Products and sums may be fused; all else stays as IEEE has it, so that tests for NaN work.
_FUSED = {"contract", "nsz"}


def jit(*, parallel: bool = False) -> Callable[[Function], Function]:
    """Compile a function with numba on its first call, and keep the result on disk where possible.

    Parallel ones must not run in two threads at once: where numba finds neither OpenMP nor TBB, as
    on macOS, its own threads end the process then.

    Where neither the installation nor the user's cache folder can be written, each process
    compiles anew.
    """

    def decorate(function: Function) -> Function:
        options: dict[str, Any] = {
            "parallel": parallel,
            "fastmath": _FUSED,
            "error_model": "numpy",
            "nogil": True,
        }
        try:
            return cast("Function", numba.njit(cache=True, **options)(function))
        except RuntimeError:  # numba found no place for its cache
            return cast("Function", numba.njit(**options)(function))

    return decorate
