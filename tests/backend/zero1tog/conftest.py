"""Tiny checkpoints, installed as if imported or downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from splatsmith.settings import DATA_VARIABLE
from tests.backend.zero1tog.tiny_checkpoints import install_all


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All checkpoints installed; yields the folder of their files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(tmp_path_factory.mktemp("data")))
        folder = tmp_path_factory.mktemp("weights")
        install_all(folder)
        yield folder
