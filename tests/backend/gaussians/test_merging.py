"""Several clouds as one, and files of clouds that are far away or have another axis up."""

from __future__ import annotations

from pathlib import Path

import gsply
import numpy as np
import plyfile
import pytest

from splatsmith.contract.cloud import load_cloud, write_cloud, write_far_cloud
from splatsmith.contract.merging import merge_clouds
from splatsmith.contract.up_axis import UpAxis

from .clouds import random_cloud


def test_clouds_are_joined_in_order_and_lower_degrees_filled_with_zeros() -> None:
    first, second = random_cloud(3, 2), random_cloud(4, 0)
    merged = merge_clouds(iter([first, second]), 7, 2)
    assert merged.degree == 2
    for name in ("means", "quats", "scales", "opacities", "sh0"):
        both = np.concatenate([getattr(first, name), getattr(second, name)])
        np.testing.assert_array_equal(getattr(merged, name), both)
    np.testing.assert_array_equal(merged.shN[:3], first.shN)
    assert not merged.shN[3:].any()


@pytest.mark.parametrize(("count", "degree"), [(6, 2), (8, 2), (7, 1)])
def test_a_wrong_count_or_degree_is_refused(count: int, degree: int) -> None:
    with pytest.raises(ValueError, match="Gaussians"):
        merge_clouds([random_cloud(3, 2), random_cloud(4, 0)], count, degree)


@pytest.mark.parametrize("up", UpAxis)
def test_the_header_says_which_axis_is_up(tmp_path: Path, up: UpAxis) -> None:
    path = tmp_path / "cloud.ply"
    write_cloud(path, random_cloud(5, 1), up=up)
    assert load_cloud(path).up is up
    assert len(gsply.plyread(str(path)).means) == 5  # another program is not put off by it


def test_far_positions_have_64_bits(tmp_path: Path) -> None:
    path, cloud = tmp_path / "far.ply", random_cloud(50, 1)
    origin = np.array([356_000.25, 5_640_000.5, -120.125])
    write_far_cloud(path, cloud, origin)
    rows = plyfile.PlyData.read(str(path))["vertex"]
    positions = np.stack([rows[name] for name in "xyz"], axis=1)
    assert positions.dtype == np.float64
    np.testing.assert_allclose(positions, cloud.means + origin, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(rows["f_dc_0"], cloud.sh0[:, 0])
