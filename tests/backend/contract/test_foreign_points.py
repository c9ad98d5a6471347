"""Point clouds of other programs: without normals or colors, with colors of any type, far away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from splatsmith.contract.points import PointCloud, load_points, read_points, write_points
from splatsmith.contract.problems import UnreadableCloud
from splatsmith.contract.up_axis import UpAxis

from .foreign_files import Columns, PlyForm

COLORS: tuple[str, ...] = ("red", "green", "blue")
BYTES: dict[str, str] = dict.fromkeys(COLORS, "uchar")


@pytest.fixture
def columns() -> Columns:
    random = np.random.default_rng(0)
    places = {name: random.uniform(-1, 1, 50) for name in "xyz"}
    return places | {name: random.integers(0, 256, 50).astype(float) for name in COLORS}


def stacked(columns: Columns, names: tuple[str, ...] | str) -> np.ndarray:
    return np.stack([columns[name] for name in names], axis=1)


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_points_without_normals_are_read(tmp_path: Path, columns: Columns, form: str) -> None:
    points = read_points(PlyForm(form, types=BYTES).write(tmp_path / "a.ply", columns))
    np.testing.assert_allclose(points.positions, stacked(columns, "xyz"), atol=1e-6)
    np.testing.assert_array_equal(points.colors, stacked(columns, COLORS))
    assert not points.has_normals
    assert points.normals.shape == (0, 3)


def test_points_without_colors_are_white(tmp_path: Path, columns: Columns) -> None:
    bare = {name: columns[name] for name in "xyz"}
    points = read_points(PlyForm().write(tmp_path / "a.ply", bare))
    assert (points.colors == 255).all()


@pytest.mark.parametrize(
    ("kind", "factor"),
    [("ushort", 257), ("ushort", 1), ("float", 1 / 255), ("double", 1 / 255), ("float", 1)],
)
def test_colors_may_have_any_type(
    tmp_path: Path, columns: Columns, kind: str, factor: float
) -> None:
    columns["red"][0] = 255
    other = columns | {name: columns[name] * factor for name in COLORS}
    form = PlyForm(types=dict.fromkeys(COLORS, kind))
    points = read_points(form.write(tmp_path / "a.ply", other))
    np.testing.assert_array_equal(points.colors, stacked(columns, COLORS))


def test_normals_are_made_unit_and_zero_ones_are_none(tmp_path: Path, columns: Columns) -> None:
    normals = {name: np.linspace(1, 4, 50) for name in ("nx", "ny", "nz")}
    path = PlyForm(types=BYTES).write(tmp_path / "a.ply", columns | normals)
    np.testing.assert_allclose(read_points(path).normals, 3**-0.5, atol=1e-6)
    path = PlyForm(types=BYTES).write(path, columns | dict.fromkeys(normals, np.zeros(50)))
    assert not read_points(path).has_normals


def test_points_without_normals_are_written_without_them(tmp_path: Path, columns: Columns) -> None:
    positions = stacked(columns, "xyz").astype(np.float32)
    colors = stacked(columns, COLORS).astype(np.uint8)
    points = PointCloud(positions, colors, np.empty((0, 3), np.float32))
    write_points(tmp_path / "a.ply", points)
    assert b"nx" not in (tmp_path / "a.ply").read_bytes().split(b"end_header")[0]
    again = read_points(tmp_path / "a.ply")
    np.testing.assert_array_equal(again.positions, positions)
    np.testing.assert_array_equal(again.colors, colors)


def test_up_and_origin_are_those_of_clouds(tmp_path: Path, columns: Columns) -> None:
    shift = {"x": 500_123.25, "y": 4_649_776.5, "z": 12.0}
    far = columns | {name: columns[name] + shift[name] for name in shift}
    form = PlyForm(types=BYTES | dict.fromkeys("xyz", "double"), head=["comment Z up"])
    loaded = load_points(form.write(tmp_path / "a.ply", far))
    assert loaded.up is UpAxis.Z
    expected = stacked(far, "xyz")[:, [0, 2, 1]] * (1, 1, -1)
    found = loaded.points.positions + loaded.origin
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    write_points(tmp_path / "b.ply", loaded.points, loaded.origin)
    assert load_points(tmp_path / "b.ply").origin.tolist() == loaded.origin.tolist()


def test_points_that_are_no_numbers_are_left_out(tmp_path: Path, columns: Columns) -> None:
    columns["y"][[3, 7]] = np.nan, np.inf
    loaded = load_points(PlyForm(types=BYTES).write(tmp_path / "a.ply", columns))
    assert len(loaded.points) == 48
    assert loaded.notes == ("Left out for values that are not numbers: 2 of 50 points.",)


def test_a_mesh_and_what_has_no_place_are_refused(tmp_path: Path, columns: Columns) -> None:
    faces = PlyForm(tail=["element face 1", "property list uchar int i"], after=bytes(13))
    with pytest.raises(UnreadableCloud, match="holds a mesh"):
        read_points(faces.write(tmp_path / "a.ply", columns))
    del columns["z"]
    with pytest.raises(UnreadableCloud, match="no 'z'"):
        read_points(PlyForm().write(tmp_path / "a.ply", columns))
