"""Compilation of numeric loops by numba."""

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

# Products and sums may be fused; everything else follows IEEE 754, so that NaN checks work.
_FAST_MATH = {"contract", "nsz"}


def jit(*, parallel: bool = False) -> Callable[[Function], Function]:
    """Decorator: compile a function with numba on its first call and cache the result on disk.

    Where neither the installation nor the user's cache folder is writable, each process compiles
    anew. Parallel functions must not run in two threads at once: where numba has neither OpenMP nor
    TBB, as on macOS, its own thread pool aborts the process.
    """

    def decorate(function: Function) -> Function:
        options: dict[str, Any] = {
            "parallel": parallel,
            "fastmath": _FAST_MATH,
            "error_model": "numpy",
            "nogil": True,
        }
        try:
            return cast("Function", numba.njit(cache=True, **options)(function))
        except RuntimeError:  # numba found no writable cache folder
            return cast("Function", numba.njit(**options)(function))

    return decorate
