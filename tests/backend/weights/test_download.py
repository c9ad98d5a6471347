"""Downloads from a mirror: what comes, what goes on, what does not count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import close_session
from safetensors.torch import load_file

from splatsmith.contract.checkpoints import CheckpointState
from splatsmith.contract.problems import InvalidRequest
from splatsmith.errors import (
    Cancelled,
    HubRefused,
    HubUnreachable,
    LicenceNotAccepted,
    StorageFull,
    UnsafeWeights,
    WeightsDamaged,
    WeightsMissing,
)
from splatsmith.progress import Progress, silent
from splatsmith.weights import files_of, fingerprints, folder_of, status_of
from splatsmith.weights.download import download
from splatsmith.weights.hub import Hub
from splatsmith.weights.records import read_record
from tests.backend.engines.mosaic.card import LARGE, LOCKED, SMALL, WORDS
from tests.backend.engines.quarry.card import NARROW, PUBLISHED
from tests.backend.weights.mirror import COMMIT, Mirror, digest
from tests.backend.weights.pickles import Calls, publish_pickle, state_dict, training_checkpoint
from tests.backend.weights.published import TOKEN, published

STEP = "small__render/checkpoints/000020/net"
WEIGHTS = f"{STEP}/weights.safetensors"


def test_only_what_the_patterns_name_is_fetched(mirror: Mirror, hub: Hub) -> None:
    download([SMALL], hub, silent())

    root = folder_of(SMALL)
    here = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    assert here == [f"{STEP}/config.json", WEIGHTS]
    assert (root / WEIGHTS).read_bytes() == published()[SMALL.repository][WEIGHTS]


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:9", "socks4://127.0.0.1:9", "ftp://127.0.0.1:9", "http://[::1:9"]
)
def test_a_proxy_that_cannot_be_used_is_said(
    proxy: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_session()
    monkeypatch.setenv("ALL_PROXY", proxy)

    with pytest.raises(HubUnreachable, match="proxy") as refused:
        download([SMALL], hub, silent())

    assert "HTTPS_PROXY" in refused.value.remedy


def test_it_lies_where_other_programs_look(hub: Hub) -> None:
    download([SMALL], hub, silent())

    assert folder_of(SMALL) == hub.cache / "models--studio--tiles/snapshots" / COMMIT


def test_the_commit_and_every_hash_are_recorded(hub: Hub) -> None:
    download([SMALL], hub, silent())

    record = read_record(SMALL)
    assert record is not None
    assert record.commit == COMMIT
    content = published()[SMALL.repository][WEIGHTS]
    assert fingerprints(SMALL)[WEIGHTS] == digest(content)
    assert all(len(each) == 64 for each in fingerprints(SMALL).values())


def test_shards_are_found_together(hub: Hub) -> None:
    download([LARGE], hub, silent())

    names = [path.name for path in files_of(LARGE, LARGE.files[1].path)]
    assert names == ["weights-1-of-2.safetensors", "weights-2-of-2.safetensors"]


def test_what_is_here_is_not_fetched_again(mirror: Mirror, hub: Hub) -> None:
    download([WORDS, SMALL], hub, silent())
    mirror.asked.clear()

    download([WORDS, SMALL], hub, silent())

    assert mirror.asked == []


def test_what_another_program_has_fetched_is_used(mirror: Mirror, hub: Hub, data: Path) -> None:
    download([SMALL], hub, silent())
    (data / "weights/records/mosaic-small.json").unlink()
    mirror.asked.clear()

    download([SMALL], hub, silent())

    assert status_of(SMALL).state is CheckpointState.PRESENT
    assert mirror.fetched() == []


def test_progress_grows_to_one(hub: Hub) -> None:
    reached: list[float] = []

    download([WORDS, SMALL], hub, Progress(lambda done, _: reached.append(done), lambda: False))

    assert reached == sorted(reached)
    assert reached[-1] == 1.0


def test_a_download_that_was_cancelled_goes_on_where_it_stopped(
    mirror: Mirror, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    progress = Progress(lambda done, _: None, lambda: _arrived(hub) >= 20_000)
    with pytest.raises(Cancelled):
        download([SMALL], hub, progress)
    here = _arrived(hub)
    assert status_of(SMALL).state is CheckpointState.PARTIAL
    with pytest.raises(WeightsMissing, match="in part only"):
        folder_of(SMALL)
    mirror.asked.clear()

    download([SMALL], hub, silent())

    assert ("GET", f"/studio/tiles/resolve/{COMMIT}/{WEIGHTS}", f"bytes={here}-") in mirror.asked
    assert (folder_of(SMALL) / WEIGHTS).read_bytes() == published()[SMALL.repository][WEIGHTS]


def test_a_connection_that_breaks_off_is_taken_up_again(
    mirror: Mirror, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    mirror.cuts[WEIGHTS] = 30_000

    download([SMALL], hub, silent())

    assert any(extent == "bytes=30000-" for _, _, extent in mirror.asked)
    assert status_of(SMALL).state is CheckpointState.PRESENT


def test_a_wrong_hash_does_not_count_and_does_not_stay(mirror: Mirror, hub: Hub) -> None:
    content = bytearray(published()[SMALL.repository][WEIGHTS])
    content[-1] ^= 1
    mirror.altered[WEIGHTS] = bytes(content)

    with pytest.raises(WeightsDamaged, match="arrived damaged"):
        download([SMALL], hub, silent())

    assert status_of(SMALL).state is CheckpointState.PARTIAL
    assert bytes(content) not in [p.read_bytes() for p in hub.cache.rglob("*") if p.is_file()]
    mirror.altered.clear()
    download([SMALL], hub, silent())
    assert status_of(SMALL).state is CheckpointState.PRESENT


def test_a_hash_that_the_card_knows_is_kept_to(hub: Hub) -> None:
    known = replace(WORDS.files[1], sha256="0" * 64)

    with pytest.raises(WeightsDamaged, match="Mosaic's words has 0000"):
        download([replace(WORDS, files=(known,))], hub, silent())


def test_weights_of_another_checkpoint_are_refused(mirror: Mirror, hub: Hub) -> None:
    files = mirror.repositories[SMALL.repository]
    files[WEIGHTS] = files["large__render/checkpoints/000020/net/weights-1-of-2.safetensors"]

    with pytest.raises(WeightsDamaged, match="its body.weight is 16 x 4, not 8 x 4"):
        download([SMALL], hub, silent())

    assert status_of(SMALL).state is CheckpointState.PARTIAL


def test_a_full_disk_is_noticed_before_anything_is_fetched(mirror: Mirror, hub: Hub) -> None:
    mirror.announced[WEIGHTS] = 10**16

    with pytest.raises(StorageFull, match=r"10,000,000\.0 GB are to be written"):
        download([SMALL], hub, silent())

    assert mirror.fetched() == []


def test_a_licence_is_asked_for_once(mirror: Mirror, tmp_path: Path) -> None:
    hub = Hub(mirror.url, tmp_path / "cache")

    with pytest.raises(LicenceNotAccepted, match=r"Mosaic Licence .*example\.org/mosaic"):
        download([SMALL], hub, silent())

    assert mirror.asked == []
    download([WORDS], hub, silent())


def test_a_gated_checkpoint_wants_a_token(hub: Hub) -> None:
    with pytest.raises(HubRefused, match=r"no token\. Ask for access at .*/vault/locked"):
        download([LOCKED], hub, silent())
    with pytest.raises(HubRefused, match="does not hand out"):
        download([LOCKED], replace(hub, token="hf_wrong"), silent())

    download([LOCKED], replace(hub, token=TOKEN), silent())

    assert status_of(LOCKED).state is CheckpointState.PRESENT


def test_the_token_stays_with_the_hub(mirror: Mirror, hub: Hub) -> None:
    download([LOCKED], replace(hub, token=TOKEN), silent())

    assert mirror.tokens_at_store == []


def test_the_token_is_nowhere_on_the_disk(hub: Hub, tmp_path: Path) -> None:
    download([LOCKED], replace(hub, token=TOKEN), silent())

    assert TOKEN not in repr(replace(hub, token=TOKEN))
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [(503, HubUnreachable, "answered 503"), (418, HubRefused, "answered 418")],
)
def test_a_hub_that_fails_is_told_of(
    mirror: Mirror, hub: Hub, status: int, error: type[Exception], words: str
) -> None:
    mirror.status = status

    with pytest.raises(error, match=words):
        download([SMALL], hub, silent())


def test_a_hub_that_does_not_answer_is_told_of(hub: Hub) -> None:
    with pytest.raises(HubUnreachable, match="does not answer"):
        download([SMALL], replace(hub, endpoint="http://127.0.0.1:9"), silent())


def test_nothing_is_asked_when_offline(mirror: Mirror, hub: Hub) -> None:
    with pytest.raises(HubUnreachable, match="switched off"):
        download([SMALL], replace(hub, is_offline=True), silent())

    assert mirror.asked == []


def test_a_repository_or_a_file_that_is_gone_is_named(mirror: Mirror, hub: Hub) -> None:
    with pytest.raises(HubRefused, match="There is no studio/gone"):
        download([replace(WORDS, repository="studio/gone")], hub, silent())
    del mirror.repositories[WORDS.repository]["encoder/model.safetensors"]
    with pytest.raises(HubRefused, match=r"has no encoder/model\.safetensors"):
        download([WORDS], hub, silent())


def _arrived(hub: Hub) -> int:
    return sum(path.stat().st_size for path in hub.cache.rglob("*.incomplete"))


def test_a_published_pickle_is_converted_once_fetched(mirror: Mirror, hub: Hub) -> None:
    original = publish_pickle(mirror, training_checkpoint())

    (note,) = download([PUBLISHED], hub, silent())

    assert "converted to safetensors" in note
    record = read_record(PUBLISHED)
    assert record is not None and record.commit == COMMIT
    config, weights = record.files
    assert (config.path, weights.path) == ("configs/a.json", "step_20/stone.safetensors")
    assert weights.converted_from == digest(original)
    (stored,) = files_of(PUBLISHED, "step_*/stone.ckpt")
    assert set(load_file(stored)) == set(state_dict(prefix=""))
    assert (folder_of(PUBLISHED) / "configs/a.json").read_bytes() == b"{}"
    kept = hub.cache / "models--studio--pit/snapshots" / COMMIT / "step_20/stone.ckpt"
    assert kept.read_bytes() == original
    mirror.asked.clear()
    assert download([PUBLISHED], hub, silent()) == ()
    assert mirror.asked == []


def test_a_published_pickle_of_other_tensors_or_with_code_does_not_count(
    mirror: Mirror, hub: Hub
) -> None:
    publish_pickle(mirror, state_dict(rows=16))
    with pytest.raises(WeightsDamaged, match=r"net\.body\.weight: 16 x 4, not 8 x 4"):
        download([PUBLISHED], hub, silent())
    publish_pickle(mirror, {**state_dict(), "net.extra": Calls(print, "it ran")})
    with pytest.raises(UnsafeWeights, match=r"holds code \(print\)"):
        download([PUBLISHED], hub, silent())

    assert status_of(PUBLISHED).state is CheckpointState.PARTIAL
    publish_pickle(mirror, state_dict())
    download([PUBLISHED], hub, silent())
    assert status_of(PUBLISHED).state is CheckpointState.PRESENT


def test_a_cancelled_conversion_is_done_by_the_next_download(mirror: Mirror, hub: Hub) -> None:
    publish_pickle(mirror, state_dict())
    stages: list[str] = []
    progress = Progress(lambda _, stage: stages.append(stage), lambda: "Converting" in stages)
    with pytest.raises(Cancelled):
        download([PUBLISHED], hub, progress)
    mirror.asked.clear()

    download([PUBLISHED], hub, silent())

    assert mirror.fetched() == []
    assert status_of(PUBLISHED).state is CheckpointState.PRESENT


def test_what_is_published_nowhere_is_not_asked_for(mirror: Mirror, hub: Hub) -> None:
    with pytest.raises(InvalidRequest, match="published nowhere: import a file of your own"):
        download([NARROW], hub, silent())

    assert mirror.asked == []
