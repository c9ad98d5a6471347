"""What counts as being here, and how it is verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.checkpoints import CheckpointState
from splatsmith.errors import WeightsDamaged, WeightsMissing
from splatsmith.progress import silent
from splatsmith.weights import bundled_file, folder_of, require, status_of
from splatsmith.weights.download import download
from splatsmith.weights.hub import Hub
from splatsmith.weights.integrity import verify
from splatsmith.weights.records import read_record
from tests.backend.engines.mosaic.card import CARD, LOCKED, SMALL, WORDS
from tests.backend.weights.mirror import Mirror


def test_a_missing_checkpoint_is_named_with_its_size_and_the_way_to_it() -> None:
    with pytest.raises(WeightsMissing, match="Mosaic, small is not here .*download mosaic-small"):
        folder_of(SMALL)


def test_the_first_missing_one_of_several_is_named(hub: Hub) -> None:
    download([WORDS], hub, silent())

    with pytest.raises(WeightsMissing, match="Mosaic, small"):
        require([WORDS, SMALL])


def test_need_follows_the_conditions() -> None:
    variant = CARD.variant("small")

    assert variant.required_checkpoints(frozenset({ConditionKind.TEXT}), {}) == (WORDS, SMALL)
    assert LOCKED in variant.required_checkpoints(frozenset({ConditionKind.IMAGE}), {})


def test_a_file_that_was_cut_later_is_noticed_at_once(hub: Hub) -> None:
    download([WORDS], hub, silent())
    path = folder_of(WORDS) / "encoder/model.safetensors"
    path.resolve().write_bytes(path.read_bytes()[:-1])

    with pytest.raises(WeightsDamaged, match="bytes instead of"):
        require([WORDS])
    assert status_of(WORDS).state is CheckpointState.DAMAGED


def test_a_file_that_was_removed_makes_it_partial(hub: Hub) -> None:
    download([WORDS], hub, silent())
    (folder_of(WORDS) / "tokenizer/vocab.json").unlink()

    status = status_of(WORDS)

    assert status.state is CheckpointState.PARTIAL
    assert 0 < status.present_bytes < status.size_bytes


def test_verifying_passes_what_is_whole(hub: Hub) -> None:
    download([WORDS, SMALL], hub, silent())

    verify(WORDS, silent())
    verify(SMALL, silent())


def test_verifying_finds_an_altered_byte_and_a_download_mends_it(mirror: Mirror, hub: Hub) -> None:
    download([WORDS], hub, silent())
    path = folder_of(WORDS) / "encoder/model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.resolve().write_bytes(content)

    with pytest.raises(WeightsDamaged, match="SHA-256 differs"):
        verify(WORDS, silent())
    assert status_of(WORDS).state is CheckpointState.PARTIAL
    with pytest.raises(WeightsDamaged, match="found damaged"):
        folder_of(WORDS)

    download([WORDS], hub, silent())
    verify(WORDS, silent())


def test_a_record_that_cannot_be_read_counts_as_none(hub: Hub, data: Path) -> None:
    download([WORDS], hub, silent())
    (data / "weights/records/mosaic-words.json").write_text("{", encoding="utf-8")

    assert read_record(WORDS) is None
    assert status_of(WORDS).state is CheckpointState.ABSENT


def test_a_bundled_checkpoint_has_one_file_in_its_package() -> None:
    with pytest.raises(ValueError, match="unpack"):
        bundled_file(Path(), WORDS)
