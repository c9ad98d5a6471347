"""Splat files of other formats than PLY, in and out, through a real backend."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import api
from blender_addon.contract.cloud import GaussianCloud
from blender_addon.contract.problems import SplatsmithError
from blender_addon.contract.protocol import JobKind, Product
from blender_addon.contract.splat_formats import TRAITS, SplatFormat
from blender_addon.contract.up_axis import UpAxis
from blender_addon.link.errors import Cancelled
from blender_addon.scene.splats import add_splats, read_splats
from blender_addon.ui.job_list import job_title

from .panel import poll_until_ended

IN_PLACE = api.Placement(keep_place=True)
# Told from plain PLY, without a magic number, and with an axis of its own.
CONVERTED = (SplatFormat.COMPRESSED_PLY, SplatFormat.SPLAT, SplatFormat.GLTF)


@pytest.fixture
def splats(session: None, ball: GaussianCloud) -> bpy.types.Object:
    """A selected ball of splats, a quarter of them, raised by a metre."""
    chosen = ball.select(np.arange(0, len(ball), 4))
    obj = add_splats(chosen, "ball", bpy.context.scene.collection)
    obj.location, _ = (0, 0, 1), obj.select_set(True)
    return obj


def one(objects: dict[Product, bpy.types.Object]) -> bpy.types.Object:
    (obj,) = objects.values()
    return obj


@pytest.mark.once
@pytest.mark.parametrize("file_format", CONVERTED)
def test_a_format_leaves_and_comes_back(
    splats: bpy.types.Object, tmp_path: Path, file_format: SplatFormat
) -> None:
    path = tmp_path / f"ball{TRAITS[file_format].suffixes[0]}"
    export = api.export_asset([splats], path)
    assert export.path == path and path.stat().st_size
    back = one(api.import_asset(path, placement=IN_PLACE).objects)
    assert back.name == "ball.splats"
    means = read_splats(back).means
    assert len(means) == export.count == 1000
    middle = (means.min(axis=0) + means.max(axis=0)) / 2
    np.testing.assert_allclose(middle, (0, 1, 0), atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(means - (0, 1, 0), axis=1), 1, atol=0.01)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.once
def test_the_axis_of_formats_that_do_not_say_it_is_the_users(
    splats: bpy.types.Object, tmp_path: Path
) -> None:
    api.export_asset([splats], tmp_path / "down.splat", up=UpAxis.MINUS_Y)
    as_is = one(api.import_asset(tmp_path / "down.splat", placement=IN_PLACE).objects)
    turned = one(
        api.import_asset(tmp_path / "down.splat", placement=IN_PLACE, up=UpAxis.MINUS_Y).objects
    )
    heights = [float(read_splats(obj).means[:, 1].mean()) for obj in (as_is, turned)]
    np.testing.assert_allclose(heights, (-1, 1), atol=0.01)


def test_operators_send_jobs_and_the_timer_finishes_them(
    registered: None, splats: bpy.types.Object, tmp_path: Path
) -> None:
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    bpy.context.scene.collection.objects.link(cube)
    cube.select_set(True)
    path = tmp_path / "BALL.SPZ"
    bpy.ops.splatsmith.export_splats(filepath=str(path))
    job = api.snapshot().jobs[0]
    assert job.status.kind is JobKind.CONVERT and job_title(job) == "Export BALL.SPZ"
    bpy.data.objects.remove(splats)  # what is exported was copied
    poll_until_ended()
    job = api.snapshot().jobs[0]
    assert isinstance(job.asset, api.Export) and path.is_file()
    assert "1 of the 2 objects has no splats" in job.asset.notes[0]
    bpy.ops.splatsmith.import_splats(directory=f"{tmp_path}/", files=[{"name": path.name}])
    poll_until_ended()
    job = api.snapshot().jobs[0]
    assert isinstance(job.asset, api.Asset) and job_title(job) == "Import BALL"
    assert [obj.name for obj in bpy.data.objects if obj != cube] == ["BALL.splats"]


@pytest.mark.once
def test_a_cancelled_export_leaves_nothing(splats: bpy.types.Object, tmp_path: Path) -> None:
    key = api.submit_export([splats], tmp_path / "ball.sog")
    assert isinstance(key, str)
    api.cancel(key)
    with pytest.raises(Cancelled):
        api.wait_for_export(key)
    assert not list(tmp_path.iterdir())


@pytest.mark.once
def test_a_file_that_cannot_be_put_in_place_fails_the_export(
    splats: bpy.types.Object, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    key = api.submit_export([splats], folder / "ball.splat")
    folder.rmdir()
    with pytest.raises(SplatsmithError, match="There is no folder"):
        api.wait_for_export(str(key))
    folder.mkdir()
    assert api.wait_for_export(api.retry(str(key))).path == folder / "ball.splat"


@pytest.mark.once
def test_a_damaged_file_says_what_is_wrong(session: None, tmp_path: Path) -> None:
    (tmp_path / "damaged.spz").write_bytes(b"\x1f\x8b not quite")
    with pytest.raises(SplatsmithError):
        api.import_asset(tmp_path / "damaged.spz")
    assert not bpy.data.objects
