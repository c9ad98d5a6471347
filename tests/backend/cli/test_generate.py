"""splatsmith generate: one asset, or one clear sentence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from splatsmith.contract.cloud import read_cloud
from tests.backend.cli.conftest import CommandLine
from tests.backend.service.service_process import environment, wait_for

MAKE = [sys.executable, "-m", "splatsmith", "generate", "--engine", "lattice", "--prompt", "cube"]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_asset_gets_a_folder_of_its_name(run: CommandLine) -> None:
    answer = run.generate("--prompt", "ein „grüner“ Würfel / 3")

    assert answer.code == 0, answer.err
    folder = Path("ein-grüner-Würfel-3")
    assert names(folder) == {"splats.ply", "preview.png", "turntable.webp", "job.json"}
    assert str(folder / "splats.ply") in answer.out


def test_turntables_are_made_as_asked_for(run: CommandLine) -> None:
    for asked, made in (((), set()), (("growing-webp",), {"growing.webp"})):
        out = f"o{len(asked)}"
        answer = run.generate("--prompt", "x", "--out", out, "--turntables", *asked)
        assert answer.code == 0, answer.err
        assert names(Path(out)) - {"splats.ply", "preview.png", "job.json"} == made
    answer = run.generate("--prompt", "x", "--turntables", "avi")
    assert answer.code == 2
    assert (
        "there is no 'avi', but webp, mp4, gif, growing-webp, growing-mp4, growing-gif, "
        "swing-webp, swing-mp4, swing-gif" in answer.err
    )
    with Image.open("o1/growing.webp") as turntable:
        assert turntable.n_frames == 72  # pyright: ignore[reportAttributeAccessIssue]


def test_parameters_are_drawn_from_the_card(run: CommandLine) -> None:
    answer = run.generate(
        "--prompt", "x", "--out", "o", "--seed", 7, "--hollow", "true", "--pause", "0.001"
    )

    assert answer.code == 0, answer.err
    record = json.loads(Path("o/job.json").read_text(encoding="utf-8"))
    given = record["request"]["parameters"]
    assert (given["seed"], given["hollow"], given["pause"]) == (7, True, 0.001)
    assert len(read_cloud(Path("o/splats.ply"))) == 7**3 - 5**3


def test_json_names_the_files_for_programs(run: CommandLine) -> None:
    answer = run.generate("--prompt", "x", "--out", "o", "--json")

    result = answer.json
    assert isinstance(result, dict)
    assert result["folder"] == "o"
    assert {artifact["name"] for artifact in result["artifacts"]} == names(Path("o"))


def test_a_picture_names_the_asset(run: CommandLine) -> None:
    cutout = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    cutout.paste("red", (4, 4, 12, 12))
    cutout.save("my cup.png")

    answer = run.generate("--image", "my cup.png")

    assert answer.code == 0, answer.err
    assert Path("my-cup/splats.ply").is_file()


def test_files_beside_the_new_ones_stay(run: CommandLine) -> None:
    Path("o").mkdir()
    Path("o/notes.txt").touch()
    run.generate("--prompt", "x", "--out", "o")

    assert {"notes.txt", "splats.ply"} <= names(Path("o"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "neither a prompt nor a picture"),
        (["--prompt", " "], "neither a prompt nor a picture"),
        (["--prompt", "x", "--seed", "100"], "seed is 100"),
        (["--prompt", "x", "--seed", "one"], "seed is 'one'"),
        (["--prompt", "x", "--hollow", "maybe"], "hollow is 'maybe'"),
        (["--prompt", "x", "--failure", "odd"], "failure is 'odd'"),
        (["--prompt", "x", "--sed", "1"], "--sed"),
        (["--prompt", "x", "--faces", "1"], "face_budget is 1"),
        (["--prompt", "x", "--products", "song"], "song"),
        (["--prompt", "x", "--variant", "odd"], "no variant 'odd'"),
        (["--prompt", "x", "--device", "toaster"], "no device 'toaster'"),
        (["--image", "gone.png"], "no picture gone.png"),
        (["--image", "."], "cannot be read as a file"),
    ],
)
def test_a_bad_request_is_one_sentence_and_code_2(
    run: CommandLine, arguments: list[str], words: str
) -> None:
    answer = run("generate", "--engine", "lattice", "--out", "o", *arguments)

    assert answer.code == 2
    assert words in answer.err
    assert answer.err.startswith("Error: ")
    assert "Traceback" not in answer.err
    assert not Path("o").exists()


def test_an_unknown_engine_is_named_with_the_known_ones(run: CommandLine) -> None:
    answer = run("generate", "--engine", "granite", "--prompt", "x")

    assert answer.code == 2
    assert "granite" in answer.err
    assert "lattice" in answer.err


@pytest.mark.parametrize(
    ("failure", "words"),
    [("exception", "ZeroDivisionError"), ("memory", "memory"), ("disk", "No room")],
)
def test_a_failure_is_code_1_and_leaves_nothing(run: CommandLine, failure: str, words: str) -> None:
    answer = run.generate("--prompt", "x", "--out", "o", "--failure", failure)

    assert answer.code == 1
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert not Path("o").exists()


def test_a_failure_keeps_what_was_there_before(run: CommandLine) -> None:
    run.generate("--prompt", "x", "--out", "o")
    before = {path: path.read_bytes() for path in Path("o").iterdir()}

    run.generate("--prompt", "x", "--out", "o", "--failure", "disk")

    assert {path: path.read_bytes() for path in Path("o").iterdir()} == before


def test_debug_shows_the_traceback(run: CommandLine) -> None:
    with pytest.raises(ZeroDivisionError):
        run.generate("--prompt", "x", "--debug", "--failure", "exception")


def test_a_file_in_the_folder_s_place_is_named(run: CommandLine) -> None:
    Path("o").touch()

    answer = run.generate("--prompt", "x", "--out", "o")

    assert answer.code == 1
    assert "o is a file" in answer.err


def test_a_folder_that_cannot_be_made_is_named(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("", encoding="utf-8")
    answer = run.generate("--prompt", "a cube", "--out", tmp_path / "note.txt" / "below")
    assert answer.code == 1
    assert "below cannot be made. Choose another folder." in " ".join(answer.err.split())


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_folder_is_named(run: CommandLine) -> None:
    Path("o").mkdir(mode=0o500)

    answer = run.generate("--prompt", "x", "--out", "o")

    assert answer.code == 1
    assert "permission" in answer.err


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_file_system_that_is_full_leaves_nothing(run: CommandLine, tmp_path: Path) -> None:
    run.generate("--prompt", "warm up what is compiled and kept")
    program = (
        "import resource, sys; from splatsmith.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)); sys.exit(main())"
    )
    command = [sys.executable, "-c", program, *MAKE[3:], "--out", "o"]

    done = subprocess.run(command, env=environment(), capture_output=True, text=True, cwd=tmp_path)

    assert done.returncode == 1
    assert "No room is left" in done.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    command = [*MAKE, "--out", "o", "--steps", "1000", "--pause", "0.05"]
    with subprocess.Popen(
        command, env=environment(), stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        wait_for((tmp_path / "o").exists, bool)
        time.sleep(0.1)
        process.send_signal(number)
        _, remarks = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Stopped" in remarks
    assert "Traceback" not in remarks
    assert not (tmp_path / "o").exists()
