"""The versions of SPZ that nothing writes any more, and its extensions."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.splat_formats import SplatFormat
from splatsmith.contract.transform import apply_affine
from splatsmith.formats import read_splats, write_splats
from splatsmith.formats.spz import HEADER
from tests.backend.formats.comparison import Deviation, deviation
from tests.backend.gaussians.clouds import random_cloud

CLOUD = random_cloud(200, 1)


def old_file(cloud: GaussianCloud, version: int) -> bytes:
    """An SPZ file of version 1 or 2, as the format's description says."""
    positions = cloud.means.astype("<f2").tobytes()
    if version == 2:
        fixed = np.rint(cloud.means * 4096).astype("<i4")
        positions = fixed.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    xyz = np.where(cloud.quats[:, :1] < 0, -1, 1) * cloud.quats[:, 1:]
    parts = (
        255 * cloud.opacities,
        255 * (0.15 * cloud.sh0 + 0.5),
        16 * (np.log(cloud.scales) + 10),
        127.5 * (xyz + 1),
        128 * cloud.shN + 128,
    )
    head = HEADER.pack(b"NGSP", version, len(cloud), cloud.degree, 12, 0, 0)
    coded = (np.clip(np.rint(part), 0, 255).astype(np.uint8).tobytes() for part in parts)
    return gzip.compress(head + positions + b"".join(coded))


@pytest.mark.parametrize("version", [1, 2])
def test_reads_old_versions(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.spz"
    path.write_bytes(old_file(CLOUD, version))

    found = deviation(CLOUD, read_splats(path).cloud)

    # Where w is small, it is badly known from three bytes.
    assert found.within(Deviation(1e-3, 0.1, 0.04, 0.01, 0.01, 0.01)), found


@pytest.mark.parametrize(
    ("number", "axes"), [(6, (1, -1, -1)), (7, (-1, 1, -1)), (8, (1, 1, -1)), (4, (1, 1, 1))]
)
def test_a_named_coordinate_system_is_turned(
    tmp_path: Path, number: int, axes: tuple[int, int, int]
) -> None:
    path = tmp_path / "named.spz"
    write_splats(path, [CLOUD], SplatFormat.SPZ)
    content = bytearray(gzip.decompress(path.read_bytes()))
    plain = read_splats(path).cloud
    content[14] |= 2
    safe_orbit = struct.pack("<IIfff", 0xADBE0002, 12, 0, 1, 2)
    content += safe_orbit + struct.pack("<III", 0xADBE0003, 4, number)
    path.write_bytes(gzip.compress(bytes(content)))

    read = read_splats(path).cloud

    found = deviation(apply_affine(plain, np.diag([*axes, 1.0])), read)
    assert max(found.position, found.harmonics) < 1e-5


def test_positions_far_away_are_kept_as_well_as_the_format_can(tmp_path: Path) -> None:
    far = GaussianCloud(
        CLOUD.means * 3000, CLOUD.quats, CLOUD.scales, CLOUD.opacities, CLOUD.sh0, CLOUD.shN
    )
    path = tmp_path / "far.spz"
    write_splats(path, [far], SplatFormat.SPZ)
    np.testing.assert_allclose(read_splats(path).cloud.means, far.means, atol=1e-3)
