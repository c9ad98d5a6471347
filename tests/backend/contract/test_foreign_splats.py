"""Splat files of other programs: other names, other types, values missing or added."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from splatsmith.contract.cloud import (
    SH_C0,
    GaussianCloud,
    LoadedCloud,
    load_cloud,
    read_cloud,
    write_cloud,
)
from splatsmith.contract.problems import UnreadableCloud
from splatsmith.contract.up_axis import UpAxis

from .foreign_files import COUNT, Columns, PlyForm, plain_colors, splat_columns, without

COLORS: tuple[str, ...] = ("red", "green", "blue")


@pytest.fixture
def columns() -> Columns:
    return splat_columns()


def load(path: Path, columns: Columns, form: PlyForm | None = None) -> LoadedCloud:
    return load_cloud((form or PlyForm()).write(path / "cloud.ply", columns))


def expected(columns: Columns) -> GaussianCloud:
    """The cloud of the standard columns, by the format's definition."""
    stacked = {
        name: np.stack([columns[f"{name}_{i}"] for i in range(n)], axis=1)
        for name, n in (("f_dc", 3), ("scale", 3), ("rot", 4))
    }
    quats = stacked["rot"] / np.linalg.norm(stacked["rot"], axis=1, keepdims=True)
    arrays = (
        np.stack([columns[name] for name in "xyz"], axis=1),
        quats,
        np.exp(stacked["scale"]),
        1 / (1 + np.exp(-columns["opacity"])),
        stacked["f_dc"],
        np.zeros((len(quats), 0, 3)),
    )
    return GaussianCloud(*(array.astype(np.float32) for array in arrays))


def assert_same(left: GaussianCloud, right: GaussianCloud, **tolerances: float) -> None:
    for name in (field.name for field in fields(GaussianCloud)):
        np.testing.assert_allclose(
            getattr(left, name), getattr(right, name), atol=tolerances.get(name, 2e-6)
        )


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("kind", ["float", "double"])
def test_every_encoding_and_type_is_the_same_cloud(
    tmp_path: Path, columns: Columns, form: str, kind: str
) -> None:
    loaded = load(tmp_path, columns, PlyForm(form, types=dict.fromkeys(columns, kind)))
    assert_same(loaded.cloud, expected(columns))
    assert loaded.notes == ()
    assert not loaded.origin.any()


def test_names_of_cloudcompare_are_understood(tmp_path: Path) -> None:
    columns = splat_columns(harmonics=9)
    foreign = {n if n in "xyz" else f"scalar_{n}": column for n, column in columns.items()}
    assert_same(load(tmp_path, foreign).cloud, load(tmp_path, columns).cloud)


def test_a_name_of_the_standard_counts_before_a_foreign_one(
    tmp_path: Path, columns: Columns
) -> None:
    both = {"scalar_opacity": np.full(COUNT, -9.0), **columns}
    assert_same(load(tmp_path, both).cloud, expected(columns))


def test_letters_and_capitals_are_understood(tmp_path: Path, columns: Columns) -> None:
    letters = {f"scale_{i}": f"scale_{axis}" for i, axis in enumerate("xyz")}
    letters |= {f"rot_{i}": f"rot_{axis}" for i, axis in enumerate("wxyz")}
    foreign = {letters.get(name, name).upper(): column for name, column in columns.items()}
    assert_same(load(tmp_path, foreign).cloud, expected(columns))


@pytest.mark.parametrize(
    ("kind", "full"),
    [
        ("uchar", 255),
        ("ushort", 65535),
        ("ushort", 255),
        ("int", 255),
        ("float", 1),
        ("float", 255),
        ("double", 1),
    ],
)
@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_plain_colors_become_the_constant_harmonic(
    tmp_path: Path, columns: Columns, kind: str, full: int, form: str
) -> None:
    colors = {name: full * column for name, column in plain_colors(columns).items()}
    if kind not in ("float", "double"):
        colors = {name: np.round(column) for name, column in colors.items()}
    foreign = PlyForm(form, types=dict.fromkeys(colors, kind))
    loaded = load(tmp_path, without(columns, "f_dc") | colors, foreign)
    assert_same(loaded.cloud, expected(columns), sh0=0.51 / 255 / SH_C0)


@pytest.mark.parametrize("names", ["rgb", ("diffuse_red", "diffuse_green", "diffuse_blue")])
def test_other_names_of_colors_are_understood(
    tmp_path: Path, columns: Columns, names: str | tuple[str, ...]
) -> None:
    colors = dict(zip(names, plain_colors(columns).values(), strict=True))
    assert_same(load(tmp_path, without(columns, "f_dc") | colors).cloud, expected(columns))


def test_harmonics_count_before_plain_colors(tmp_path: Path, columns: Columns) -> None:
    both = columns | {name: np.zeros(COUNT) for name in COLORS}
    loaded = load(tmp_path, both, PlyForm(types=dict.fromkeys(COLORS, "uchar")))
    assert_same(loaded.cloud, expected(columns))


def test_alpha_stands_in_for_the_opacity(tmp_path: Path, columns: Columns) -> None:
    alpha = np.linspace(0, 255, COUNT).round()
    colors = {name: 255 * column for name, column in plain_colors(columns).items()}
    foreign = without(columns, "f_dc", "opacity") | colors | {"alpha": alpha}
    loaded = load(tmp_path, foreign, PlyForm(types=dict.fromkeys((*COLORS, "alpha"), "uchar")))
    np.testing.assert_allclose(loaded.cloud.opacities, alpha / 255, atol=1e-6)
    assert loaded.notes == ()


@pytest.mark.parametrize(
    ("missing", "note"), [("opacity", "no opacities"), ("rot", "no rotations")]
)
def test_a_missing_value_is_filled_in_and_told(
    tmp_path: Path, columns: Columns, missing: str, note: str
) -> None:
    loaded = load(tmp_path, without(columns, missing))
    filled = {"opacity": np.full(COUNT, np.inf)} if missing == "opacity" else {}
    if missing == "rot":
        filled = {f"rot_{i}": np.full(COUNT, float(i == 0)) for i in range(4)}
    assert_same(loaded.cloud, expected(columns | filled))
    assert note in " ".join(loaded.notes)


def test_two_scales_are_a_flat_gaussian(tmp_path: Path, columns: Columns) -> None:
    loaded = load(tmp_path, without(columns, "scale_2"))
    scales = loaded.cloud.scales
    np.testing.assert_allclose(scales[:, :2], expected(columns).scales[:, :2], rtol=1e-5)
    assert (scales[:, 2] < 1e-3 * scales[:, :2].min(axis=1)).all()
    assert (scales[:, 2] > 0).all()


@pytest.mark.parametrize("name", ["scale_0", "scale"])
def test_one_scale_is_a_ball(tmp_path: Path, columns: Columns, name: str) -> None:
    loaded = load(tmp_path, without(columns, "scale", "rot") | {name: columns["scale_0"]})
    radii = np.exp(columns["scale_0"]).astype(np.float32)
    np.testing.assert_allclose(loaded.cloud.scales, np.stack([radii] * 3, axis=1), rtol=1e-6)
    assert loaded.notes == ()  # a ball has no rotation


@pytest.mark.parametrize("name", ["filter_3D", "scalar_filter_3D"])
def test_the_filter_of_mip_splatting_is_fused(tmp_path: Path, columns: Columns, name: str) -> None:
    size = np.linspace(0, 0.2, COUNT)
    loaded = load(tmp_path, columns | {name: size})
    plain = expected(columns)
    squares = plain.scales.astype(np.float64) ** 2
    grown = squares + size[:, None] ** 2
    shrunk = plain.opacities * np.sqrt(squares.prod(axis=1) / grown.prod(axis=1))
    np.testing.assert_allclose(loaded.cloud.scales, np.sqrt(grown), rtol=1e-5)
    np.testing.assert_allclose(loaded.cloud.opacities, shrunk, rtol=1e-4, atol=1e-7)
    assert "Mip-Splatting" in loaded.notes[0]


def test_a_flat_gaussian_survives_a_filter_of_size_zero(tmp_path: Path, columns: Columns) -> None:
    columns["scale_2"] = np.full(COUNT, -np.inf)
    loaded = load(tmp_path, columns | {"filter_3D": np.zeros(COUNT)})
    assert_same(loaded.cloud, expected(columns))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_harmonics_that_are_no_numbers_become_zero(tmp_path: Path, value: float) -> None:
    columns = splat_columns(harmonics=9)
    columns["f_rest_7"][::3] = value
    columns["x"][0] = np.nan
    loaded = load(tmp_path, columns)
    assert len(loaded.cloud) == COUNT - 1
    cleared = np.arange(1, COUNT) % 3 == 0
    assert not loaded.cloud.shN[cleared].any()
    assert loaded.cloud.shN[~cleared].all()
    assert "1 of 60 Gaussians" in loaded.notes[0]
    assert f": {cleared.sum()} Gaussians" in loaded.notes[1]


def test_text_of_no_number_leaves_its_gaussian_out(tmp_path: Path, columns: Columns) -> None:
    columns["y"][7] = 123.5
    path = PlyForm("ascii").write(tmp_path / "cloud.ply", columns)
    path.write_bytes(path.read_bytes().replace(b" 123.5 ", b" -nan(ind) "))
    loaded = load_cloud(path)
    good = np.delete(np.arange(COUNT), 7)
    assert_same(loaded.cloud, expected(columns).select(good))
    assert "1 of 60 Gaussians" in loaded.notes[0]


def test_finite_numbers_too_large_for_32_bits_are_left_out(
    tmp_path: Path, columns: Columns
) -> None:
    columns["f_dc_1"][3] = 1e200
    assert len(load(tmp_path, columns, PlyForm(types=dict.fromkeys(columns, "double"))).cloud) == 59


@pytest.mark.parametrize(
    ("prefix", "message"),
    [("scale_1", "'scale_1'"), ("rot_3", "'rot_3'"), ("f_dc_0", "'f_dc_0'"), ("scale", "scale_0")],
)
def test_a_gap_among_the_values_is_refused(
    tmp_path: Path, columns: Columns, prefix: str, message: str
) -> None:
    with pytest.raises(UnreadableCloud, match=message):
        load(tmp_path, without(columns, prefix))


def test_anchors_of_scaffold_gs_are_told(tmp_path: Path, columns: Columns) -> None:
    with pytest.raises(UnreadableCloud, match="Scaffold-GS"):
        load(tmp_path, without(columns, "f_dc") | {"f_anchor_feat_0": np.zeros(COUNT)})


FAR = {"x": 500_123.25, "y": 4_649_776.5, "z": 12.0}


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("up", UpAxis)
def test_a_cloud_far_from_zero_keeps_its_shape_and_its_place(
    tmp_path: Path, columns: Columns, form: str, up: UpAxis
) -> None:
    near = PlyForm().write(tmp_path / "near.ply", columns)
    far = columns | {name: columns[name] + shift for name, shift in FAR.items()}
    written = PlyForm(form, types=dict.fromkeys("xyz", "double"), text="{:.17g}".format)
    loaded = load_cloud(written.write(tmp_path / "far.ply", far), up)
    turned = load_cloud(near, up).cloud.means.astype(np.float64)
    shift = loaded.cloud.means + loaded.origin - turned
    extent = np.ptp(turned, axis=0).max()
    assert np.abs(shift - shift[0]).max() < 1e-6 * extent
    assert sorted(np.abs(shift[0]).round(4)) == sorted(FAR.values())
    assert "far from zero" in loaded.notes[0]


def test_whole_numbers_far_from_zero_keep_their_digits(tmp_path: Path, columns: Columns) -> None:
    whole = {name: 2_000_000_000 + np.arange(COUNT) * 7 for name in "xyz"}
    loaded = load(tmp_path, columns | whole, PlyForm(types=dict.fromkeys("xyz", "int")))
    np.testing.assert_array_equal(loaded.cloud.means + loaded.origin, np.stack([whole["x"]] * 3, 1))


def test_the_origin_is_amid_the_cloud_whatever_its_first_rows_are(
    tmp_path: Path, columns: Columns
) -> None:
    far = columns | {name: columns[name] + shift for name, shift in FAR.items()}
    for name in "xyz":
        far[name][:3] = (np.nan, 0, 1e30)
    loaded = load(tmp_path, far, PlyForm(types=dict.fromkeys("xyz", "double")))
    near = np.stack([columns[name][3:] for name in "xyz"], axis=1)
    found = loaded.cloud.means[2:] + loaded.origin - list(FAR.values())
    np.testing.assert_allclose(found, near, atol=1e-6)


def test_a_corner_of_a_large_cloud_is_no_origin(tmp_path: Path) -> None:
    rows = 40_000  # several blocks, of which the first holds a corner
    columns = splat_columns(rows)
    columns["x"] = np.concatenate([np.full(rows // 2, 90.0), np.linspace(-100, 100, rows // 2)])
    columns["x"][: rows // 2] += np.linspace(0, 0.5, rows // 2)
    for name in "yz":
        columns[name] = 90 + columns[name] / 10
    columns["y"][rows // 2 :] = np.linspace(-100, 100, rows // 2)
    loaded = load(tmp_path, columns, PlyForm(types=dict.fromkeys("xyz", "double")))
    assert not loaded.origin.any()
    np.testing.assert_allclose(loaded.cloud.means[:, 0], columns["x"], atol=1e-5)


def test_the_origin_travels_with_a_written_file(tmp_path: Path, columns: Columns) -> None:
    cloud, path = expected(columns), tmp_path / "cloud.ply"
    write_cloud(path, cloud, np.array([500_123.25, 12.0, -4_649_776.5]))
    loaded = load_cloud(path)
    assert loaded.origin.tolist() == [500_123.25, 12.0, -4_649_776.5]
    assert load_cloud(path, UpAxis.Z).origin.tolist() == [500_123.25, -4_649_776.5, -12.0]
    assert_same(read_cloud(path), cloud)


def test_a_single_gaussian_is_near_enough(tmp_path: Path) -> None:
    one = splat_columns(1) | {"x": np.array([0.01])}
    one |= {f"scale_{i}": np.zeros(1) for i in range(3)}
    loaded = load(tmp_path, one, PlyForm(types=dict.fromkeys("xyz", "double")))
    assert not loaded.origin.any()
    np.testing.assert_allclose(loaded.cloud.means[0], [one[name][0] for name in "xyz"], rtol=1e-6)
