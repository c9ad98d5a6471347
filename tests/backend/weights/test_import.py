"""Checkpoints that are on the disk already, in all the ways they may lie there."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import save_file

from splatsmith.contract.checkpoints import CheckpointState
from splatsmith.contract.problems import InvalidRequest
from splatsmith.errors import WeightsDamaged
from splatsmith.files import file_digest
from splatsmith.progress import silent
from splatsmith.weights import files_of, folder_of, status_of
from splatsmith.weights.download import download
from splatsmith.weights.hub import Hub
from splatsmith.weights.integrity import verify
from splatsmith.weights.local_import import ImportResult, import_checkpoints
from splatsmith.weights.records import read_record
from tests.backend.engines.mosaic.card import BASE, LARGE, LOCKED, SMALL, TILES, WORDS
from tests.backend.engines.quarry.card import NARROW, PUBLISHED, WIDE
from tests.backend.weights.pickles import pickled, state_dict, write
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


def test_a_snapshot_with_a_pickle_is_converted(tmp_path: Path) -> None:
    snapshot = tmp_path / "pit"
    write(snapshot / "configs/a.json", b"{}")
    source = write(snapshot / "step_20/stone.ckpt", pickled(state_dict()))

    result = import_checkpoints(snapshot, (PUBLISHED, *ALL), False, silent())

    assert result.imported == (PUBLISHED,)
    (stored,) = files_of(PUBLISHED, "step_*/stone.ckpt")
    assert stored.name == "stone.safetensors"
    record = read_record(PUBLISHED)
    assert record is not None
    assert record.files[1].converted_from == file_digest(source)
    with pytest.raises(InvalidRequest, match="without --link"):
        import_checkpoints(snapshot, (replace(PUBLISHED, id="twin"),), True, silent())


def test_what_was_converted_on_another_machine_is_imported(tmp_path: Path) -> None:
    folder = tmp_path / "converted"
    write(folder / "configs/a.json", b"{}")
    (folder / "step_20").mkdir()
    save_file(state_dict(prefix=""), folder / "step_20/stone.safetensors")

    assert import_checkpoints(folder, (PUBLISHED,), False, silent()).imported == (PUBLISHED,)
    verify(PUBLISHED, silent())


def test_an_own_file_is_found_in_a_folder(tmp_path: Path) -> None:
    save_file(state_dict(16), tmp_path / "stone.safetensors")

    assert import_checkpoints(tmp_path, (NARROW, WIDE), False, silent()).imported == (WIDE,)


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
