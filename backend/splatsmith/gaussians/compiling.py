"""How this package's loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., object])

# Products and sums may be fused; everything else stays as IEEE has it, so that not-a-number tests work.
_FUSED = {"contract", "nsz"}


def compiled(*, parallel: bool = False) -> Callable[[Function], Function]:
    """Compile a function with numba on its first call, and keep the result on disk where possible.

    Where neither the installation nor the user's cache folder can be written, each process
    compiles anew.
    """

    def decorate(function: Function) -> Function:
        options = {"parallel": parallel, "fastmath": _FUSED, "error_model": "numpy"}
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # numba found no place for its cache
            return numba.njit(**options)(function)

    return decorate
