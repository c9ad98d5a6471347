"""Layouts of several networks in one file, and the key lists of all cards."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from splatsmith.contract.cards import CheckpointSource
from splatsmith.contract.tensor_layouts import KeyList, TensorLayout
from splatsmith.engines import registry
from splatsmith.weights.path_patterns import is_pickle
from splatsmith.weights.tensor_layouts import match_layout, read_key_list
from tests.backend.engines.quarry.card import CARD as QUARRY


@pytest.fixture
def joint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TensorLayout:
    """Two networks in one file, each with a prefix of its own, which is kept."""
    package = tmp_path / "package_with_keys"
    (package / "keys").mkdir(parents=True)
    for name, keys in (("a", {"w": [2, 3], "b": [3]}), ("b", {"w": [4]})):
        content = json.dumps({"config": {}, "keys": keys}).encode()
        (package / f"keys/{name}.json.gz").write_bytes(gzip.compress(content))
    monkeypatch.syspath_prepend(tmp_path)
    return TensorLayout(
        (
            KeyList("package_with_keys:keys/a.json.gz", ("ddpm.",), "ddpm."),
            KeyList("package_with_keys:keys/b.json.gz", ("rec.", "ema_rec."), "rec."),
        ),
        dropped=("loss.*", "*.num_batches_tracked"),
    )


def test_networks_in_one_file_keep_their_prefixes(joint: TensorLayout) -> None:
    shapes = {"ddpm.w": (2, 3), "ddpm.b": (3,), "ema_rec.w": (4,), "loss.vgg.w": (9,)}

    match = match_layout(shapes, joint)

    assert match.difference == ""
    assert match.stored_names == {"ddpm.w": "ddpm.w", "ddpm.b": "ddpm.b", "ema_rec.w": "rec.w"}
    stored = {match.stored_names[n]: s for n, s in shapes.items() if n in match.stored_names}
    assert match_layout(stored, joint).difference == ""


def test_all_differences_are_counted_and_named(joint: TensorLayout) -> None:
    match = match_layout({"ddpm.w": (2, 4), "rec.w": (4,), "rec.v": (1,)}, joint, ("step",))

    assert match.difference_count == 4
    assert match.difference == (
        "1 is missing (ddpm.b); 2 are not known (rec.v, step); "
        "1 has another shape (ddpm.w: 2 x 4, not 2 x 3)"
    )


def test_a_marked_network_may_be_absent_but_not_partial(joint: TensorLayout) -> None:
    first, second = joint.key_lists
    marked = replace(joint, key_lists=(first, replace(second, marker="w")))
    network = {"ddpm.w": (2, 3), "ddpm.b": (3,)}

    assert match_layout(network, marked).difference == ""
    assert match_layout({**network, "rec.w": (4,)}, marked).difference == ""
    assert "rec.w: 5, not 4" in match_layout({**network, "rec.w": (5,)}, marked).difference
    assert "rec.w" in match_layout(network, joint).difference


def test_every_card_has_key_lists_for_what_is_converted() -> None:
    for card in (*registry.cards(), QUARRY):
        for checkpoint in (c for variant in card.variants for c in variant.checkpoints):
            is_own = checkpoint.source is CheckpointSource.OWN_FILE
            for file in checkpoint.files:
                assert file.layout is not None or not (is_own or is_pickle(file.path)), file
                for key_list in file.layout.key_lists if file.layout else ():
                    assert read_key_list(key_list.resource)
            assert bool(checkpoint.repository) is checkpoint.is_downloadable
