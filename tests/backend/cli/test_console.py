"""Output to files and terminals that cannot take every character."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from splatsmith.cli import main
from tests.backend.cli.conftest import CommandLine

NAME = "Stühlchen 椅子 🪑 \udcff"
ENCODINGS = pytest.mark.parametrize(
    "encoding", ["cp1252", "ascii", "cp437", "shift_jis", "utf-8", "utf-16"]
)


def call(encoding: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command, whose output goes to files in an encoding."""
    written = [io.BytesIO(), io.BytesIO()]
    out, err = (io.TextIOWrapper(raw, encoding, write_through=True) for raw in written)
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(arguments))
    output, errors = (raw.getvalue().decode(encoding) for raw in written)
    return code, output, errors


@ENCODINGS
def test_no_character_fails_a_command(run: CommandLine, encoding: str, tmp_path: Path) -> None:
    """`run` for its engines and its folder."""
    folder = tmp_path / "椅子 🪑"
    command = ("generate", "--engine", "lattice", "--products", "splats", "--turntables")
    command += ("--prompt", "椅子 🪑", "--out", str(folder))

    code, _, errors = call(encoding, *command)
    assert code == 0, errors
    code, output, errors = call(encoding, *command, "--json")
    assert code == 0, errors
    assert json.loads(output)["folder"] == str(folder)
    assert (folder / "splats.ply").is_file()


@ENCODINGS
def test_no_character_fails_an_error(run: CommandLine, encoding: str) -> None:
    for arguments in (["extract", f"{NAME}.ply"], [NAME]):
        code, _, errors = call(encoding, *arguments)
        assert code == 2
        assert "Error" in errors
