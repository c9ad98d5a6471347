"""Percentiles are those of numpy."""

from __future__ import annotations

import numpy as np
import pytest

from splatsmith.contract.percentiles import percentiles

RANKS = (0, 2, 37.5, 50, 98, 100)


@pytest.mark.parametrize("count", [1, 2, 50, 1001])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_they_are_interpolated_as_numpys(count: int, dtype: type[np.float32]) -> None:
    values = np.random.default_rng(count).normal(size=(3, count)).astype(dtype)
    found = percentiles(values, RANKS)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, np.percentile(values, RANKS, axis=-1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(percentiles(values[0], (50,)), [np.median(values[0])], rtol=1e-5)


def test_the_values_stay_in_their_order() -> None:
    values = np.array([3, 1, 2], np.float32)
    assert percentiles(values, (50,)).tolist() == [2]
    assert values.tolist() == [3, 1, 2]
