"""Checkpoints that are on the disk already, in all the ways they may lie there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from splatsmith.contract.checkpoints import CheckpointState
from splatsmith.contract.problems import InvalidRequest
from splatsmith.errors import WeightsDamaged
from splatsmith.progress import silent
from splatsmith.weights import files_of, folder_of, status_of
from splatsmith.weights.download import download
from splatsmith.weights.hub import Hub
from splatsmith.weights.integrity import verify
from splatsmith.weights.local_import import ImportResult, import_checkpoints
from tests.backend.engines.mosaic.card import BASE, LARGE, LOCKED, SMALL, TILES, WORDS
from tests.backend.weights.published import weights, write_snapshot

ALL = (WORDS, SMALL, LARGE, LOCKED)


def imported(folder: Path, *only: object, is_linked: bool = False) -> ImportResult:
    checkpoints = tuple(c for c in ALL if not only or c in only)
    return import_checkpoints(folder, checkpoints, is_linked, silent())


def test_a_snapshot_is_imported_whole(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "tiles", TILES)

    result = imported(tmp_path / "tiles")

    assert result.imported == (SMALL, LARGE)
    (file,) = files_of(SMALL, SMALL.files[1].path)
    assert "000020" in str(file)  # the last training step
    shutil.rmtree(tmp_path / "tiles")
    verify(SMALL, silent())


def test_a_hubs_cache_is_imported(hub: Hub, tmp_path: Path, data: Path) -> None:
    download([WORDS, SMALL], hub, silent())
    shutil.rmtree(data)

    assert imported(tmp_path / "cache").imported == (WORDS, SMALL)


def test_links_leave_the_files_where_they_are(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "base", BASE)

    imported(tmp_path / "base", is_linked=True)

    path = folder_of(WORDS) / "encoder/model.safetensors"
    assert path.resolve() == tmp_path / "base/encoder/model.safetensors"


def test_a_bare_folder_is_told_by_its_tensors(tmp_path: Path) -> None:
    bare = tmp_path / "whatever"
    bare.mkdir()
    (bare / "config.json").write_bytes(b"{}")
    (bare / "weights.safetensors").write_bytes(weights("body.weight", 16))

    assert imported(bare).imported == (LARGE,)
    assert files_of(LARGE, LARGE.files[1].path)


def test_another_variants_weights_are_named(tmp_path: Path) -> None:
    write_snapshot(tmp_path, TILES)
    shutil.rmtree(tmp_path / "large__render")
    net = tmp_path / "small__render/checkpoints/000020/net"
    (net / "weights.safetensors").write_bytes(weights("body.weight", 16))

    with pytest.raises(
        WeightsDamaged, match=r"not of Mosaic, small: .*16 x 4, not 8 x 4; it looks like Mosaic, l"
    ):
        imported(tmp_path)
    assert status_of(LARGE).state is CheckpointState.ABSENT


def test_a_cut_file_is_named(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "tiles", TILES)
    path = tmp_path / "tiles/small__render/checkpoints/000020/net/weights.safetensors"
    path.write_bytes(path.read_bytes()[:-10])

    with pytest.raises(WeightsDamaged, match="not a whole safetensors file"):
        imported(tmp_path / "tiles", SMALL)


def test_what_fits_two_is_left_to_the_user(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(weights("locked.weight", 4))
    twin = type(LOCKED)(**{**vars(LOCKED), "id": "twin", "repository": "other/place"})

    with pytest.raises(WeightsDamaged, match="may be of mosaic-locked or twin"):
        import_checkpoints(tmp_path, (LOCKED, twin), False, silent())

    assert import_checkpoints(tmp_path, (twin,), False, silent()).imported == (twin,)


def test_what_is_here_is_kept(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "base", BASE)
    imported(tmp_path / "base")

    assert imported(tmp_path / "base").already_present == (WORDS,)


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_checkpoints_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(InvalidRequest, match=name):
        imported(tmp_path / name)


def test_half_a_checkpoint_is_not_imported(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "base", BASE)
    shutil.rmtree(tmp_path / "base/tokenizer")

    with pytest.raises(InvalidRequest, match="no whole checkpoint"):
        imported(tmp_path / "base")
    assert status_of(WORDS).state is CheckpointState.ABSENT
