"""The command line in this process, with the test engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from splatsmith.cli import main
from splatsmith.engines import registry
from tests.backend.service.service_process import TEST_ENGINES


@dataclass(frozen=True)
class Answer:
    """What a command returned and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return json.loads(self.out)


class CommandLine:
    """Runs commands in an empty folder."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: object) -> Answer:
        code = main([str(argument) for argument in arguments])
        captured = self._capture.readouterr()
        return Answer(code, captured.out, captured.err)

    def generate(self, *arguments: object) -> Answer:
        """Make splats with the test engines."""
        return self("generate", "--engine", "lattice", "--products", "splats", *arguments)


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[CommandLine]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(registry.ENGINES_VARIABLE, TEST_ENGINES)
    registry.clear_cache()
    yield CommandLine(capsys)
    registry.clear_cache()
