"""splatsmith extract: meshes and points from any splat file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trimesh

from splatsmith.contract.cloud import write_cloud
from splatsmith.contract.points import read_points
from tests.backend.cli.conftest import CommandLine
from tests.backend.gaussians.clouds import shell
from tests.backend.service.service_process import environment, wait_for

QUICK = ("--resolution", 64, "--faces", 300, "--texture", 0, "--points", 200)


@pytest.fixture
def ball(run: CommandLine) -> Path:
    write_cloud(Path("ball.ply"), shell(2000))
    return Path("ball.ply")


def record(folder: str) -> dict[str, dict[str, object]]:
    return json.loads(Path(folder, "job.json").read_text(encoding="utf-8"))


def test_a_splat_file_becomes_a_mesh(run: CommandLine, ball: Path) -> None:
    answer = run("extract", ball, *QUICK)

    assert answer.code == 0, answer.err
    assert str(Path("out/mesh.glb")) in answer.out
    assert 100 < len(trimesh.load_mesh("out/mesh.glb").faces) <= 300
    assert not Path("out/points.ply").exists()


def test_products_and_their_options_are_as_asked(run: CommandLine, ball: Path) -> None:
    answer = run("extract", ball, "--products", "points", "--points", 321, "--out", "o", "--json")

    assert answer.code == 0, answer.err
    assert isinstance(answer.json, dict)
    assert answer.json["folder"] == "o"
    assert "points.ply" in {artifact["name"] for artifact in answer.json["artifacts"]}
    assert len(read_points(Path("o/points.ply"))) == 321
    assert not Path("o/mesh.glb").exists()


def test_every_extraction_option_has_its_flag(run: CommandLine, ball: Path) -> None:
    flags = ("--faces", 200, "--texture", 512, "--resolution", 64, "--closure", "open")
    more = ("--keep-bottom", "--points", 100, "--crop-background", "all", "--interior", "shell")

    answer = run("extract", ball, "--products", "points", *flags, *more)

    assert answer.code == 0, answer.err
    assert record("out")["request"]["extraction"] == {
        "face_budget": 200,
        "texture_size": 512,
        "resolution": 64,
        "closure": "open",
        "close_bottom": False,
        "point_count": 100,
        "interior": "shell",
        "crop": "all",
    }


def test_generating_takes_the_same_options(run: CommandLine) -> None:
    answer = run.generate("--prompt", "x", "--out", "o", "--texture", 512, "--keep-bottom")

    assert answer.code == 0, answer.err
    given = record("o")["request"]["extraction"]
    assert isinstance(given, dict)
    assert (given["texture_size"], given["close_bottom"]) == (512, False)


def test_many_files_get_a_folder_each(run: CommandLine, ball: Path) -> None:
    Path("scans").mkdir()
    for name in ("cup", "pot"):
        write_cloud(Path(f"scans/{name}.ply"), shell(500))
    Path("scans/notes.txt").touch()
    quick = ("--products", "points", "--points", 50)

    answer = run("extract", ball, "scans", *quick, "--out", "o", "--json")

    assert answer.code == 0, answer.err
    assert answer.json == json.loads(Path("o/summary.json").read_text(encoding="utf-8"))
    for name in ("ball", "cup", "pot"):
        assert len(read_points(Path("o", name, "points.ply"))) == 50


def test_a_second_run_makes_only_what_is_missing(run: CommandLine, ball: Path) -> None:
    write_cloud(Path("cup.ply"), shell(500))
    command = ("extract", "ball.ply", "cup.ply", "--products", "points", "--points", 50)
    run(*command)
    write_cloud(Path("cup.ply"), shell(600))

    assert "1 made, 1 kept, 0 failed" in run(*command).out


def test_a_failing_file_is_told_and_the_rest_is_made(run: CommandLine, ball: Path) -> None:
    Path("broken.ply").write_bytes(b"nothing")

    answer = run("extract", "broken.ply", "gone.ply", ball, "--products", "points", "--out", "o")

    assert answer.code == 1
    assert "1 made, 0 kept, 2 failed" in answer.out
    assert "broken.ply is not a splat file" in answer.err
    assert "gone.ply cannot be read" in answer.err
    assert {path.name for path in Path("o").iterdir()} == {"ball", "summary.json"}


def test_a_cloud_that_shows_nothing_leaves_nothing(run: CommandLine) -> None:
    write_cloud(Path("haze.ply"), shell(100, opacity=0.01))

    answer = run("extract", "haze.ply", "--products", "points", "mesh")

    assert answer.code == 2
    assert "The cloud is transparent" in answer.err
    assert not Path("out").exists()


def test_an_asset_s_splats_are_named_by_their_folder(run: CommandLine) -> None:
    for name in ("chair", "boat"):
        Path(name).mkdir()
        write_cloud(Path(name, "splats.ply"), shell(500))

    answer = run("extract", "chair/splats.ply", "boat/splats.ply", "--products", "points")

    assert answer.code == 0, answer.err
    assert Path("out/chair/points.ply").is_file()
    assert Path("out/boat/points.ply").is_file()


def test_results_never_replace_what_they_are_taken_from(run: CommandLine) -> None:
    Path("chair").mkdir()
    write_cloud(Path("chair/splats.ply"), shell(500))

    answer = run("extract", "chair/splats.ply", "--out", "chair")

    assert answer.code == 2
    assert "--out" in answer.err
    assert [path.name for path in Path("chair").iterdir()] == ["splats.ply"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.ply"], "gone.ply cannot be read"),
        (["."], "holds no splat file"),
        ([], "CLOUD"),
        (["gone.ply", "--faces", "3"], "face_budget is 3"),
        (["gone.ply", "--texture", "16384"], "texture_size is 16,384"),
        (["gone.ply", "--resolution", "9"], "resolution is 9"),
        (["gone.ply", "--closure", "shut"], "shut"),
        (["gone.ply", "--points", "0"], "point_count is 0"),
        (["gone.ply", "--prompt", "x"], "--prompt"),
    ],
)
def test_a_bad_request_is_one_sentence_and_code_2(
    run: CommandLine, arguments: list[str], words: str
) -> None:
    answer = run("extract", *arguments)

    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert not Path("out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_stops_and_leaves_nothing(ball: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "splatsmith", "extract", "ball.ply", "--points", "20000000"]
    with subprocess.Popen(
        [*command, "--products", "points"],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        wait_for((tmp_path / "out").exists, bool)
        process.send_signal(signal.SIGINT)
        _, remarks = process.communicate(timeout=100)

    assert process.returncode == 130
    assert "Stopped" in remarks
    assert not (tmp_path / "out").exists()
