"""Writes of numba's parallel loops to arrays that they reach through named tuples.

numba 0.68 loses those that name the attribute within the loop, and those to one-dimensional arrays
unpacked from a tuple; the compiled loops of extraction write only in the two ways tested here.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from splatsmith.gaussians.numba_jit import jit

COUNT = 1000


class Arrays(NamedTuple):
    numbers: NDArray[np.int64]  # [N]
    table: NDArray[np.float64]  # [N, 2]


def make_arrays() -> Arrays:
    return Arrays(np.zeros(COUNT, np.int64), np.zeros((COUNT, 2)))


def assert_written(arrays: Arrays) -> None:
    np.testing.assert_array_equal(arrays.numbers, np.arange(COUNT))
    np.testing.assert_array_equal(arrays.table[:, 1], 2 * np.arange(COUNT))


@jit(parallel=True)
def write_bound(arrays: Arrays) -> None:
    numbers, table = arrays.numbers, arrays.table
    for i in numba.prange(len(numbers)):
        numbers[i] = i
        table[i, 1] = 2 * i


@jit()
def write_one(arrays: Arrays, i: int) -> None:
    arrays.numbers[i] = i
    arrays.table[i, 1] = 2 * i


@jit(parallel=True)
def write_in_calls(arrays: Arrays) -> None:
    for i in numba.prange(len(arrays.numbers)):
        write_one(arrays, i)


def test_arrays_bound_before_the_loop_are_written() -> None:
    arrays = make_arrays()
    write_bound(arrays)
    assert_written(arrays)


def test_arrays_written_by_a_called_function_are_written() -> None:
    arrays = make_arrays()
    write_in_calls(arrays)
    assert_written(arrays)
