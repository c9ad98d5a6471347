"""splatsmith weights: against a mirror, in this process and in one of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from splatsmith.contract.cloud import read_cloud
from splatsmith.settings import DATA_VARIABLE
from splatsmith.weights import folder_of
from tests.backend.cli.conftest import CommandLine
from tests.backend.engines.mosaic.card import BASE, TILES, WORDS
from tests.backend.service.service_process import WAIT_TIMEOUT, environment
from tests.backend.weights.mirror import Mirror, running
from tests.backend.weights.pickles import Calls, pickled, training_checkpoint, write
from tests.backend.weights.published import TOKEN, new_mirror, write_snapshot

WORDS_FILE = "encoder/model.safetensors"


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    with running(new_mirror()) as serving:
        monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
        monkeypatch.setenv("HF_ENDPOINT", serving.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
            monkeypatch.delenv(name, raising=False)
        yield serving


def weights(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, which reads the hub's variables anew."""
    return subprocess.run(
        [sys.executable, "-m", "splatsmith", "weights", *arguments],
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        timeout=WAIT_TIMEOUT,
    )


def test_every_checkpoint_is_listed_with_size_state_and_licence(run: CommandLine) -> None:
    answer = run("weights", "list")

    assert answer.code == 0
    for word in ("mosaic-small", "absent", "Mosaic Licence", "MIT, gated", "forbidden"):
        assert word in answer.out


def test_the_list_as_json_has_cards_and_states(run: CommandLine) -> None:
    listed = run("weights", "list", "--json").json

    assert isinstance(listed, list)
    (words,) = [each for each in listed if each["id"] == WORDS.id]
    assert words["repository"] == BASE
    assert words["status"]["state"] == "absent"


def test_listing_loads_neither_torch_nor_the_hubs_library() -> None:
    program = (
        "import sys; from splatsmith.cli import main; main(['weights', 'list']);"
        "sys.exit(bool({'torch', 'huggingface_hub', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True)

    assert done.returncode == 0, done.stderr


def test_a_variant_is_fetched_for_what_it_is_told(run: CommandLine) -> None:
    done = weights("download", "mosaic/small", "--for", "text", "--accept-licence")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["mosaic-words: here", "mosaic-small: here"]
    assert weights("verify").stdout.splitlines() == [
        "mosaic-words: verified",
        "mosaic-small: verified",
    ]
    made = run("generate", "--engine", "mosaic", "--prompt", "a", "--products", "splats")
    assert made.code == 0, made.err
    record = json.loads(Path("a/job.json").read_text(encoding="utf-8"))
    assert {name: each["commercial_use"] for name, each in record["licences"].items()} == {
        "mosaic-words": "allowed",
        "mosaic-small": "forbidden",
    }


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "words"),
    [
        (["download", "nonsense"], {}, 2, "no checkpoint, and no engine, called 'nonsense'"),
        (["download", "mosaic/huge"], {}, 2, "no variant 'huge'"),
        (["download", "mosaic-small"], {}, 1, "has not been accepted"),
        (["download", "mosaic-locked"], {}, 1, "there is no token"),
        (["download", "mosaic-locked"], {"HF_TOKEN": "hf_x"}, 1, "does not hand out"),
        (["download", "mosaic-words"], {"HF_HUB_OFFLINE": "1"}, 1, "switched off"),
        (["download", "mosaic-words"], {"HF_ENDPOINT": "http://127.0.0.1:9"}, 1, "does not answer"),
        (["verify", "mosaic-words"], {}, 1, "is not here"),
        (["import", "nowhere"], {}, 2, "There is no file or folder nowhere"),
        (["download"], {}, 2, "See splatsmith weights download --help"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_a_way_out(
    arguments: list[str], variables: dict[str, str], code: int, words: str
) -> None:
    done = weights(*arguments, **variables)

    assert done.returncode == code
    assert words in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_token_in_the_environment_opens_the_gate() -> None:
    done = weights("download", "mosaic-locked", HF_TOKEN=TOKEN)

    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_damage_is_found_and_named() -> None:
    weights("download", "mosaic-words")
    path = folder_of(WORDS) / WORDS_FILE
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.resolve().write_bytes(content)

    done = weights("verify")

    assert done.returncode == 1
    assert "its SHA-256 differs" in done.stdout


def test_generation_without_weights_fails_before_torch_is_loaded() -> None:
    program = (
        "import sys; from splatsmith.cli import main;"
        "code = main(['generate', '--engine', 'mosaic', '--prompt', 'a']);"
        "sys.exit(100 if 'torch' in sys.modules else code)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)

    assert done.returncode == 1
    assert "Mosaic's words is not here" in done.stderr


def test_a_folder_is_imported(run: CommandLine, tmp_path: Path) -> None:
    write_snapshot(tmp_path / "tiles", TILES)

    answer = run("weights", "import", tmp_path / "tiles", "mosaic/small")

    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == ["mosaic-small: imported"]
    again = run("weights", "import", tmp_path / "tiles")
    assert set(again.out.splitlines()) == {
        "mosaic-large: imported",
        "mosaic-small: was here already",
    }


def test_an_own_pickle_is_imported_and_used(run: CommandLine, tmp_path: Path) -> None:
    source = write(tmp_path / "my run/last.ckpt", pickled(training_checkpoint(rows=16)))
    before = run("generate", "--engine", "quarry", "--variant", "wide", "--prompt", "a")
    assert before.code == 1
    assert "weights import FILE quarry-wide" in " ".join(before.err.split())

    answer = run("weights", "import", source, "quarry")

    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == ["quarry-wide: imported"]
    making = ("--engine", "quarry", "--variant", "wide", "--prompt", "a", "--products", "splats")
    assert run("generate", *making, "--out", "o").code == 0
    record = json.loads(Path("o/job.json").read_text(encoding="utf-8"))
    assert list(record["checkpoints"]["quarry-wide"]) == ["stone.safetensors"]
    assert len(read_cloud(Path("o/splats.ply"))) == 16


def test_a_hostile_pickle_is_refused_on_the_command_line(run: CommandLine, tmp_path: Path) -> None:
    marker = tmp_path / "it ran"
    source = write(tmp_path / "a.pt", pickled({"a": Calls(os.system, f"touch '{marker}'")}))

    answer = run("weights", "import", source)

    assert answer.code == 2
    assert "nothing of it was run" in " ".join(answer.err.split())
    assert not marker.exists()


def test_an_own_checkpoint_cannot_be_downloaded(run: CommandLine) -> None:
    answer = run("weights", "download", "quarry-wide")

    assert answer.code == 2
    assert "published nowhere" in " ".join(answer.err.split())


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl+C to a whole console")
def test_an_interrupt_keeps_what_has_arrived(mirror: Mirror) -> None:
    mirror.holds[WORDS_FILE] = 500
    command = [sys.executable, "-m", "splatsmith", "weights", "download", "mosaic-words"]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    assert mirror.reached.wait(WAIT_TIMEOUT)

    process.send_signal(signal.SIGINT)
    mirror.holds.clear()
    mirror.released.set()
    _, said = process.communicate(timeout=WAIT_TIMEOUT)

    assert process.returncode == 130
    assert "what has arrived is kept" in said
