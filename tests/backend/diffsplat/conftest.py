"""Tiny checkpoints, installed as if downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from splatsmith.contract.cards import Checkpoint
from splatsmith.engines.diffsplat.card import CARD
from splatsmith.settings import DATA_VARIABLE
from splatsmith.weights.path_patterns import matching
from splatsmith.weights.records import CheckpointRecord, RecordedFile, write_record
from tests.backend.diffsplat.tiny_checkpoints import write_repositories


def install(checkpoint: Checkpoint, repositories: Path) -> None:
    """Record `checkpoint` as downloaded, with the files under `repositories`."""
    folder = repositories / checkpoint.repository
    paths = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    matched = sorted({path for file in checkpoint.files for path in matching(paths, file)})
    files = tuple(
        RecordedFile(path, (folder / path).stat().st_size, _digest(folder / path))
        for path in matched
    )
    write_record(
        CheckpointRecord(checkpoint.id, checkpoint.repository, "", str(folder), files, True)
    )


def all_checkpoints() -> list[Checkpoint]:
    return [checkpoint for variant in CARD.variants for checkpoint in variant.checkpoints]


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny repositories' folder; read only."""
    folder = tmp_path_factory.mktemp("repositories")
    write_repositories(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoints(repositories: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All checkpoints installed; yields their repositories' folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(tmp_path_factory.mktemp("data")))
        for checkpoint in all_checkpoints():
            install(checkpoint, repositories)
        yield repositories


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
