"""Files of other programs are read, and ours are read by them.

files/ was written by @playcanvas/splat-transform 2.7.1 and @mkkellogg/gaussian-splats-3d 0.4.7 from
a cloud of `random_cloud`.
"""

from __future__ import annotations

from pathlib import Path

import gaussforge
import gsply
import numpy as np
import pytest

from splatsmith.contract.cloud import GaussianCloud, read_cloud, write_cloud
from splatsmith.contract.splat_formats import TRAITS, SplatFormat
from splatsmith.contract.transform import rotation_matrices, transform_cloud
from splatsmith.contract.up_axis import UpAxis, to_asset_rotation
from splatsmith.formats import detect_format, read_splats, write_splats
from tests.backend.formats.comparison import STEPS, deviation
from tests.backend.gaussians.clouds import random_cloud

FILES = Path(__file__).parent / "files"
ORIGINAL = random_cloud(24, 2, seed=3)
HALF_TURNS = {  # what splat-transform does to PLY's axes, which it takes to have Y down
    "glb": np.diag([-1.0, -1.0, 1.0]),
    "spz": to_asset_rotation(UpAxis.MINUS_Y),
}


def covariances(cloud: GaussianCloud) -> np.ndarray:
    factors = rotation_matrices(cloud.quats) * cloud.scales[:, None]
    return factors @ factors.transpose(0, 2, 1)


@pytest.mark.parametrize(
    ("name", "kind", "harmonics"),
    [
        ("splat_transform.compressed.ply", SplatFormat.COMPRESSED_PLY, 0.02),
        ("splat_transform.sog", SplatFormat.SOG, 0.6),  # it has a palette of 16 for the 24
        ("splat_transform.glb", SplatFormat.GLTF, 1e-6),
        ("splat_transform_v3.spz", SplatFormat.SPZ, 0.07),  # it keeps 4 bits
        ("splat_transform_v4.spz", SplatFormat.SPZ, 0.07),
        ("gaussian_splats_3d_level_0.ksplat", SplatFormat.KSPLAT, 1e-6),
        ("gaussian_splats_3d_level_1.ksplat", SplatFormat.KSPLAT, 1e-3),
        ("gaussian_splats_3d_level_2.ksplat", SplatFormat.KSPLAT, 0.02),
    ],
)
def test_reads_files_of_other_programs(name: str, kind: SplatFormat, harmonics: float) -> None:
    turn = HALF_TURNS.get(name.rpartition(".")[2], np.eye(3))
    expected = transform_cloud(ORIGINAL, turn)

    read = read_splats(FILES / name).cloud

    assert detect_format(FILES / name) is kind
    found = deviation(expected, read)
    assert found.position < 2e-3
    assert found.harmonics < harmonics
    assert found.opacity < 1.01 / 255
    assert found.color < 0.02
    nearest = np.abs(expected.means[:, None] - read.means).sum(axis=2).argmin(axis=1)
    np.testing.assert_allclose(
        covariances(read)[nearest],
        covariances(expected),
        atol=0.07 * covariances(expected).max(),
    )


@pytest.mark.parametrize(
    ("kind", "degree"),
    [
        # gaussforge 0.6 has another order of harmonics in compressed PLY than SuperSplat, and
        # cannot read .ksplat files of the format's own program with 16 bits.
        (SplatFormat.COMPRESSED_PLY, 0),
        (SplatFormat.SPLAT, 0),
        (SplatFormat.SPZ, 3),
        (SplatFormat.SOG, 3),
    ],
)
def test_gaussforge_reads_written_files(tmp_path: Path, kind: SplatFormat, degree: int) -> None:
    cloud = random_cloud(300, degree)
    path = tmp_path / f"ours{TRAITS[kind].suffixes[0]}"
    write_splats(path, [cloud], kind)
    theirs = tmp_path / "theirs.ply"
    name = TRAITS[kind].suffixes[0][1:]

    theirs.write_bytes(
        bytes(gaussforge.GaussForge().convert(path.read_bytes(), name, "ply")["data"])
    )

    assert deviation(cloud, read_cloud(theirs)).within(STEPS[kind])


@pytest.mark.parametrize(
    ("kind", "degree"),
    [
        (SplatFormat.COMPRESSED_PLY, 0),
        (SplatFormat.KSPLAT, 0),
        (SplatFormat.SPLAT, 0),
        (SplatFormat.SPZ, 3),
        (SplatFormat.SOG, 3),
    ],
)
def test_reads_files_of_gaussforge(tmp_path: Path, kind: SplatFormat, degree: int) -> None:
    cloud = random_cloud(300, degree)
    write_cloud(tmp_path / "ours.ply", cloud)
    name = TRAITS[kind].suffixes[0][1:]
    content = (tmp_path / "ours.ply").read_bytes()
    theirs = tmp_path / f"theirs.{name}"

    theirs.write_bytes(bytes(gaussforge.GaussForge().convert(content, "ply", name)["data"]))

    found = deviation(cloud, read_splats(theirs).cloud)
    assert found.position < 1e-3
    assert found.harmonics < 0.07
    assert max(found.opacity, found.color) < 0.02


def test_gsply_reads_written_compressed_files(tmp_path: Path) -> None:
    cloud = random_cloud(600, 3)
    path = tmp_path / "ours.compressed.ply"
    write_splats(path, [cloud], SplatFormat.COMPRESSED_PLY)
    ours = read_splats(path).cloud

    theirs = gsply.plyread(str(path))

    np.testing.assert_allclose(theirs.means, ours.means, atol=1e-5)
    np.testing.assert_allclose(np.exp(theirs.scales), ours.scales, rtol=1e-4)
    np.testing.assert_allclose(theirs.sh0, ours.sh0, atol=1e-4)
    theirs_harmonics = np.asarray(theirs.shN).reshape(len(cloud), -1, 3)
    np.testing.assert_allclose(theirs_harmonics, ours.shN, atol=1e-4)
