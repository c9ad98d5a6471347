"""Reachability of free cells from outside."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from splatsmith.extraction.surface.cavity_filling import _unreachable


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_unreachable_cells_are_those_of_other_components(share: float) -> None:
    free = np.random.default_rng(0).random((30, 25, 20)) < share
    free[0, -1, 0] = True
    numbers = np.empty(free.shape, np.int32)
    label(free, output=numbers)
    np.testing.assert_array_equal(_unreachable(free), free & (numbers != numbers[0, -1, 0]))
