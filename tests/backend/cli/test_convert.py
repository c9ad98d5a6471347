"""splatsmith convert: splat files of one format to another."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from splatsmith.contract.cloud import load_cloud, read_cloud, write_cloud
from splatsmith.contract.splat_formats import TRAITS, SplatFormat
from splatsmith.contract.up_axis import UpAxis
from splatsmith.formats import detect_format, read_splats
from tests.backend.cli.conftest import CommandLine
from tests.backend.gaussians.clouds import random_cloud
from tests.backend.service.service_process import environment

CLOUD = random_cloud(200, 1)


@pytest.fixture
def ply(run: CommandLine) -> Path:
    write_cloud(Path("a.ply"), CLOUD)
    return Path("a.ply")


@pytest.mark.parametrize("kind", [each for each in SplatFormat if each is not SplatFormat.PLY])
def test_there_and_back(run: CommandLine, ply: Path, kind: SplatFormat) -> None:
    name = f"there/b{TRAITS[kind].suffixes[0]}"

    there = run("convert", ply, name)
    back = run("convert", name, "back.ply")

    assert there.code == back.code == 0, there.err + back.err
    assert there.out.splitlines()[0] == str(Path(name))
    assert detect_format(Path(name)) is kind
    assert len(read_cloud(Path("back.ply"))) == 200


def test_several_files_become_one(run: CommandLine, ply: Path) -> None:
    run("convert", ply, "b.spz")
    answer = run("convert", ply, "b.spz", "both.glb", "--json")

    assert answer.code == 0, answer.err
    assert isinstance(answer.json, dict)
    assert answer.json["format"] == "gltf"
    assert len(read_splats(Path("both.glb")).cloud) == 400


def test_the_format_may_be_named(run: CommandLine, ply: Path) -> None:
    answer = run("convert", ply, "b.bin", "--format", "ksplat")

    assert answer.code == 0, answer.err
    assert detect_format(Path("b.bin")) is SplatFormat.KSPLAT


def test_up_turns_what_is_read_and_out_up_what_is_written(run: CommandLine, ply: Path) -> None:
    run("convert", ply, "b.ply", "--up", "-y")
    run("convert", ply, "c.ply", "--out-up", "-y")

    for name in ("b.ply", "c.ply"):
        stored = load_cloud(Path(name), UpAxis.Y).cloud.means
        np.testing.assert_allclose(stored, CLOUD.means * (1, -1, -1), atol=1e-6)
    np.testing.assert_allclose(load_cloud(Path("c.ply")).cloud.means, CLOUD.means, atol=1e-6)


def test_says_what_is_not_kept(run: CommandLine, ply: Path) -> None:
    assert "degree 1" in run("convert", ply, "b.splat").out


@pytest.mark.parametrize("target", ["a.ply", "./a.ply", "link.ply"])
def test_the_input_is_never_written_over(run: CommandLine, ply: Path, target: str) -> None:
    Path("link.ply").symlink_to(ply.absolute())
    before = ply.read_bytes()

    answer = run("convert", ply, target)

    assert answer.code == 2
    assert "written over" in answer.err
    assert ply.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.ply",), "one to write"),
        (("a.ply", "b.obj"), "does not say which splat format"),
        (("a.ply", "b.gltf"), "written as GLB"),
        (("missing.ply", "b.spz"), "missing.ply"),
        (("notes.txt", "b.spz"), "not a splat file"),
        (("a.ply", "b.spz", "--out-up", "z"), "have Y up"),
        (("a.ply", "b.spz", "--up", "w"), "there is no 'w'"),
        (("a.ply", "notes.txt/b.spz"), "cannot be made"),
        (("a.ply", "folder.spz"), "is a folder"),
    ],
)
def test_mistakes_are_told(
    run: CommandLine, ply: Path, arguments: tuple[str, ...], words: str
) -> None:
    Path("notes.txt").write_text("notes")
    Path("folder.spz").mkdir()
    before = sorted(Path().iterdir())

    answer = run("convert", *arguments)

    assert answer.code != 0
    assert words in answer.err
    assert answer.err.count("Error:") == 1
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(run: CommandLine, number: signal.Signals) -> None:
    write_cloud(Path("large.ply"), random_cloud(150_000, 2))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "splatsmith", "convert", "large.ply", "large.sog", "--debug"],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while not list(Path().glob(".large.sog*")):
        assert process.poll() is None, process.stderr.read()
    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode != 0
    assert [path.name for path in Path().iterdir()] == ["large.ply"]
