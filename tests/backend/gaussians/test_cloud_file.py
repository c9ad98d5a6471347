"""Splat PLY files: own ones, those of other writers, and damaged ones."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import gsply
import numpy as np
import plyfile
import pytest

from splatsmith.contract.cloud import GaussianCloud, read_cloud, write_cloud
from splatsmith.contract.problems import UnreadableCloud

from .clouds import random_cloud


def assert_same(left: GaussianCloud, right: GaussianCloud, tolerance: float = 2e-6) -> None:
    for field in fields(GaussianCloud):
        np.testing.assert_allclose(
            getattr(left, field.name), getattr(right, field.name), atol=tolerance
        )


def rows_of(cloud: GaussianCloud) -> dict[str, np.ndarray]:
    """The columns of the file by the format's definition, written down a second time."""
    columns = {name: cloud.means[:, i] for i, name in enumerate("xyz")}
    columns |= {f"f_dc_{i}": cloud.sh0[:, i] for i in range(3)}
    rest = cloud.shN.transpose(0, 2, 1).reshape(len(cloud), -1)
    columns |= {f"f_rest_{i}": column for i, column in enumerate(rest.T)}
    columns["opacity"] = np.log(cloud.opacities / (1 - cloud.opacities))
    columns |= {f"scale_{i}": np.log(cloud.scales[:, i]) for i in range(3)}
    columns |= {f"rot_{i}": 3 * cloud.quats[:, i] for i in range(4)}  # not normalised
    return columns


def write_columns(
    path: Path, columns: dict[str, np.ndarray], kind: str = "<f4", **options: Any
) -> Path:
    rows = np.empty(len(columns["x"]), [(name, kind) for name in columns])
    for name, column in columns.items():
        rows[name] = column
    plyfile.PlyData([plyfile.PlyElement.describe(rows, "vertex")], **options).write(str(path))
    return path


@pytest.mark.parametrize("degree", range(5))
def test_a_written_cloud_reads_back(tmp_path: Path, degree: int) -> None:
    cloud = random_cloud(5000, degree)
    write_cloud(tmp_path / "cloud.ply", cloud)
    assert_same(read_cloud(tmp_path / "cloud.ply"), cloud)


@pytest.mark.parametrize("degree", range(4))
def test_reads_a_file_of_gsply(tmp_path: Path, degree: int) -> None:
    cloud = random_cloud(1000, degree)
    columns = rows_of(cloud)
    gsply.plywrite(
        str(tmp_path / "theirs.ply"),
        cloud.means,
        np.stack([columns[f"scale_{i}"] for i in range(3)], axis=1),
        cloud.quats,
        columns["opacity"],
        cloud.sh0,
        cloud.shN if degree else None,
    )
    assert_same(read_cloud(tmp_path / "theirs.ply"), cloud)


def test_gsply_reads_a_written_file(tmp_path: Path) -> None:
    cloud = random_cloud(1000, 3)
    write_cloud(tmp_path / "ours.ply", cloud)
    theirs = gsply.plyread(str(tmp_path / "ours.ply"))
    np.testing.assert_allclose(theirs.means, cloud.means)
    np.testing.assert_allclose(theirs.shN.reshape(cloud.shN.shape), cloud.shN, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("<f4", {}),
        (">f4", {"byte_order": ">"}),
        ("<f8", {}),
        ("<f4", {"text": True}),
    ],
    ids=["little-endian", "big-endian", "doubles", "ascii"],
)
def test_reads_every_encoding(tmp_path: Path, kind: str, options: dict[str, object]) -> None:
    cloud = random_cloud(50, 1)
    path = write_columns(tmp_path / "cloud.ply", rows_of(cloud), kind, **options)
    assert_same(read_cloud(path), cloud)


def test_properties_may_have_any_order_and_unknown_ones_are_ignored(tmp_path: Path) -> None:
    cloud = random_cloud(50, 2)
    columns = rows_of(cloud)
    columns |= {name: np.full(50, np.nan) for name in ("nx", "ny", "nz")}
    turned_round = dict(reversed(columns.items()))
    assert_same(read_cloud(write_columns(tmp_path / "cloud.ply", turned_round)), cloud)


def test_other_elements_are_skipped(tmp_path: Path) -> None:
    cloud = random_cloud(20)
    path = write_columns(tmp_path / "cloud.ply", rows_of(cloud))
    header, body = path.read_bytes().split(b"end_header\n")
    before = b"element camera 2\nproperty float f\nelement vertex"
    header = header.replace(b"element vertex", before)
    path.write_bytes(header + b"end_header\n" + bytes(8) + body + b"whatever follows")
    assert_same(read_cloud(path), cloud)


def test_an_empty_cloud_reads_back(tmp_path: Path) -> None:
    write_cloud(tmp_path / "cloud.ply", random_cloud(0, 3))
    assert len(read_cloud(tmp_path / "cloud.ply")) == 0


def test_opacity_one_and_scale_zero_are_finite_in_the_file(tmp_path: Path) -> None:
    cloud = random_cloud(3)
    cloud.opacities[:] = (0, 0.5, 1)
    cloud.scales[0] = 0
    write_cloud(tmp_path / "cloud.ply", cloud)
    vertices = plyfile.PlyData.read(str(tmp_path / "cloud.ply"))["vertex"].data
    assert all(np.isfinite(vertices[name]).all() for name in vertices.dtype.names)
    assert_same(read_cloud(tmp_path / "cloud.ply"), cloud)


@pytest.mark.parametrize("cut", [1, 1000, 200_000])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cloud.ply"
    write_cloud(path, random_cloud(1000, 3))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(UnreadableCloud, match="cut off"):
        read_cloud(path)


def test_a_truncated_text_file_is_refused(tmp_path: Path) -> None:
    path = write_columns(tmp_path / "cloud.ply", rows_of(random_cloud(20)), text=True)
    path.write_text(path.read_text(encoding="ascii")[:-300], encoding="ascii")
    with pytest.raises(UnreadableCloud, match="cut off"):
        read_cloud(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a PLY file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a PLY file"),
        (b"ply\nformat binary_little_endian 1.0\n", "no end of its header"),
        (b"ply\n" + b"comment endless\n" * 10_000, "no end of its header"),
        (b"ply\nelement vertex 1\nproperty float x\nend_header\n", "names no format"),
        (b"ply\nformat binary_middle_endian 1.0\nend_header\n", "header .* damaged"),
        (b"ply\nformat ascii 1.0\nproperty float x\nend_header\n", "header .* damaged"),
        (b"ply\nformat ascii 1.0\nelement vertex -3\nend_header\n", "header .* damaged"),
        (b"ply\nformat ascii 1.0\nelement face 0\nend_header\n", "no vertices"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "cloud.ply"
    path.write_bytes(content)
    with pytest.raises(UnreadableCloud, match=message):
        read_cloud(path)


def test_a_mesh_is_not_a_splat_file(tmp_path: Path) -> None:
    columns = {name: np.zeros(3) for name in "xyz"}
    with pytest.raises(UnreadableCloud, match="not a splat file.*f_dc_0"):
        read_cloud(write_columns(tmp_path / "mesh.ply", columns))


def test_an_odd_number_of_harmonics_is_refused(tmp_path: Path) -> None:
    columns = rows_of(random_cloud(3, 1))
    del columns["f_rest_8"]
    with pytest.raises(UnreadableCloud, match="8 f_rest properties"):
        read_cloud(write_columns(tmp_path / "cloud.ply", columns))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["x", "f_dc_2", "rot_3"])
def test_a_few_non_finite_gaussians_are_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, value: float
) -> None:
    cloud = random_cloud(9000, 1)
    columns = rows_of(cloud)
    columns[name] = columns[name].copy()
    columns[name][[0, 4000, 8500]] = value
    good = np.delete(np.arange(9000), [0, 4000, 8500])
    assert_same(read_cloud(write_columns(tmp_path / "cloud.ply", columns)), cloud.select(good))
    assert "cloud.ply: Left out" in caplog.text
    assert "3 of 9,000 Gaussians" in caplog.text


@pytest.mark.parametrize(
    ("name", "value"), [("scale_1", 100), ("scale_1", np.nan), ("opacity", np.nan)]
)
def test_gaussians_with_non_finite_scales_or_opacities_are_dropped(
    tmp_path: Path, name: str, value: float
) -> None:
    columns = rows_of(random_cloud(100))
    columns[name] = columns[name].copy()
    columns[name][7] = value
    assert len(read_cloud(write_columns(tmp_path / "cloud.ply", columns))) == 99


def test_infinite_logarithms_and_logits_are_valid(tmp_path: Path) -> None:
    columns = rows_of(random_cloud(3))
    columns["scale_2"] = np.full(3, -np.inf)
    columns["opacity"] = np.array([-np.inf, 0, np.inf])
    cloud = read_cloud(write_columns(tmp_path / "cloud.ply", columns))
    assert list(cloud.opacities) == [0, 0.5, 1]
    assert not cloud.scales[:, 2].any()


def test_a_file_of_many_non_finite_values_is_refused(tmp_path: Path) -> None:
    columns = rows_of(random_cloud(100))
    columns["y"] = np.where(np.arange(100) < 11, np.nan, columns["y"])
    with pytest.raises(UnreadableCloud, match="11 of its 100 Gaussians"):
        read_cloud(write_columns(tmp_path / "cloud.ply", columns))


@pytest.mark.parametrize("size", [0, 1e-30, 1e15])
def test_quaternions_of_any_length_are_normalized(tmp_path: Path, size: float) -> None:
    cloud = random_cloud(4)
    columns = rows_of(cloud)
    for i in range(4):
        columns[f"rot_{i}"] = size * columns[f"rot_{i}"]
    quats = read_cloud(write_columns(tmp_path / "cloud.ply", columns)).quats
    expected = cloud.quats if size == 1e15 else np.tile([1, 0, 0, 0], (4, 1))
    np.testing.assert_allclose(quats, expected, atol=1e-6)


def test_a_huge_declared_count_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cloud.ply"
    write_cloud(path, random_cloud(3))
    path.write_bytes(path.read_bytes().replace(b"vertex 3", b"vertex 3000000000000"))
    with pytest.raises(UnreadableCloud, match="cut off"):
        read_cloud(path)


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "cloud.ply"
    path.mkdir()  # cannot be replaced by a file
    with pytest.raises(OSError):
        write_cloud(path, random_cloud(3))
    assert list(tmp_path.iterdir()) == [path]


def test_shapes_and_types_are_checked() -> None:
    good = random_cloud(4, 1)
    parts = {field.name: getattr(good, field.name) for field in fields(GaussianCloud)}
    for name, bad in (
        ("quats", good.means),
        ("shN", good.shN[:, :2]),
        ("means", good.means.astype(np.float64)),
    ):
        with pytest.raises(ValueError, match=name):
            GaussianCloud(**{**parts, name: bad})
