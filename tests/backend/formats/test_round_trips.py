from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.problems import InvalidRequest
from splatsmith.contract.splat_formats import TRAITS, SplatFormat
from splatsmith.contract.up_axis import UpAxis
from splatsmith.errors import Cancelled
from splatsmith.formats import detect_format, read_splats, write_splats
from splatsmith.progress import Progress
from tests.backend.formats.comparison import STEPS, deviation
from tests.backend.gaussians.clouds import joined, random_cloud


def write(folder: Path, cloud: GaussianCloud, kind: SplatFormat, up: UpAxis = UpAxis.Y) -> Path:
    path = folder / f"splats{TRAITS[kind].suffixes[0]}"
    write_splats(path, [cloud], kind, up)
    return path


@pytest.mark.parametrize("degree", range(5))
@pytest.mark.parametrize("kind", SplatFormat)
def test_keeps_all_within_the_formats_own_step(
    tmp_path: Path, kind: SplatFormat, degree: int
) -> None:
    cloud = random_cloud(700, degree, seed=degree)

    loaded = read_splats(write(tmp_path, cloud, kind))

    assert loaded.cloud.degree == min(degree, TRAITS[kind].degree)
    assert deviation(cloud, loaded.cloud).within(STEPS[kind]), deviation(cloud, loaded.cloud)


@pytest.mark.parametrize("kind", SplatFormat)
def test_the_content_tells_the_format(tmp_path: Path, kind: SplatFormat) -> None:
    path = write(tmp_path, random_cloud(300, 1), kind)
    nameless = path.rename(tmp_path / "The upload")
    wrong = tmp_path / "wrong.ply"

    assert detect_format(nameless) is kind
    assert len(read_splats(nameless).cloud) == 300
    nameless.rename(wrong)
    assert detect_format(wrong) is kind


@pytest.mark.parametrize("kind", SplatFormat)
@pytest.mark.parametrize("count", [1, 2, 257])
def test_writes_few_gaussians(tmp_path: Path, kind: SplatFormat, count: int) -> None:
    cloud = random_cloud(count, 1)
    assert len(read_splats(write(tmp_path, cloud, kind)).cloud) == count


@pytest.mark.parametrize("kind", SplatFormat)
def test_writes_gaussians_that_are_all_alike(tmp_path: Path, kind: SplatFormat) -> None:
    one = random_cloud(1, 1)
    cloud = one.select(np.zeros(40, np.intp))

    read = read_splats(write(tmp_path, cloud, kind)).cloud

    np.testing.assert_allclose(read.means, cloud.means, atol=1e-4)


@pytest.mark.parametrize("kind", SplatFormat)
def test_writes_several_clouds_into_one_file(tmp_path: Path, kind: SplatFormat) -> None:
    left, right = random_cloud(100, 0, seed=1), random_cloud(150, 1, seed=2)
    path = tmp_path / f"both{TRAITS[kind].suffixes[0]}"

    write_splats(path, [left, right], kind)

    padded = GaussianCloud(
        left.means, left.quats, left.scales, left.opacities, left.sh0, np.zeros((100, 3, 3), "f4")
    )
    read = read_splats(path).cloud
    assert deviation(joined(padded, right), read).within(STEPS[kind])


@pytest.mark.parametrize("kind", [each for each in SplatFormat if not TRAITS[each].says_up])
@pytest.mark.parametrize("up", UpAxis)
def test_the_axis_that_was_chosen_is_up_in_the_file(
    tmp_path: Path, kind: SplatFormat, up: UpAxis
) -> None:
    cloud = random_cloud(300, 2)

    loaded = read_splats(write(tmp_path, cloud, kind, up), up)

    assert loaded.up is up
    found = deviation(cloud, loaded.cloud)
    assert max(found.position, found.harmonics) < 0.03
    if up is not UpAxis.Y:
        turned = read_splats(tmp_path / f"splats{TRAITS[kind].suffixes[0]}", UpAxis.Y).cloud
        order = np.lexsort(np.abs(turned.means).T)
        assert not np.allclose(turned.means[order], cloud.means[np.lexsort(np.abs(cloud.means).T)])


def test_compressed_ply_says_which_axis_is_up(tmp_path: Path) -> None:
    path = write(tmp_path, random_cloud(30), SplatFormat.COMPRESSED_PLY, UpAxis.MINUS_Y)
    assert read_splats(path).up is UpAxis.MINUS_Y


def test_usd_says_that_z_is_up(tmp_path: Path) -> None:
    cloud = random_cloud(50, 3)
    loaded = read_splats(write(tmp_path, cloud, SplatFormat.USD, UpAxis.Z))

    assert loaded.up is UpAxis.Z
    assert deviation(cloud, loaded.cloud).position < 1e-6


@pytest.mark.parametrize("kind", [SplatFormat.SPZ, SplatFormat.GLTF, SplatFormat.USD])
def test_a_format_of_fixed_axes_has_no_other(tmp_path: Path, kind: SplatFormat) -> None:
    with pytest.raises(InvalidRequest, match="have Y"):
        write(tmp_path, random_cloud(3), kind, UpAxis.MINUS_X)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", SplatFormat)
def test_a_cancelled_write_leaves_the_file_as_it_was(tmp_path: Path, kind: SplatFormat) -> None:
    path = tmp_path / f"splats{TRAITS[kind].suffixes[0]}"
    path.write_text("before")

    with pytest.raises(Cancelled):
        write_splats(
            path, [random_cloud(50)], kind, progress=Progress(lambda *_: None, lambda: True)
        )

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", SplatFormat)
def test_nothing_and_numbers_that_are_none_are_not_written(
    tmp_path: Path, kind: SplatFormat
) -> None:
    broken = random_cloud(20)
    broken.means[3] = np.nan
    for cloud in (random_cloud(5).select(np.zeros(0, np.intp)), broken):
        with pytest.raises(InvalidRequest):
            write(tmp_path, cloud, kind)
    assert not list(tmp_path.iterdir())


def test_says_which_harmonics_are_not_kept(tmp_path: Path) -> None:
    cloud = random_cloud(10, 4)
    paths = {kind: tmp_path / f"a{TRAITS[kind].suffixes[0]}" for kind in SplatFormat}
    notes = {kind: write_splats(paths[kind], [cloud], kind) for kind in SplatFormat}

    assert not notes[SplatFormat.PLY] + notes[SplatFormat.SPZ] + notes[SplatFormat.USD]
    assert "keep none" in notes[SplatFormat.SPLAT][0]
    assert "degree 2" in notes[SplatFormat.KSPLAT][0]


def test_usda_is_text(tmp_path: Path) -> None:
    path = tmp_path / "splats.usda"
    cloud = random_cloud(20, 2)
    write_splats(path, [cloud], SplatFormat.USD)

    assert path.read_bytes().startswith(b"#usda")
    assert deviation(cloud, read_splats(path).cloud).within(STEPS[SplatFormat.USD])
