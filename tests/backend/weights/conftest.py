"""A mirror for every test, with a cache and a data folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from splatsmith.settings import DATA_VARIABLE
from splatsmith.weights.hub import Hub
from splatsmith.weights.licences import accept
from tests.backend.engines.mosaic.card import ASKED
from tests.backend.weights.mirror import Mirror, running
from tests.backend.weights.published import new_mirror


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running(new_mirror()) as serving:
        yield serving


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def hub(mirror: Mirror, tmp_path: Path) -> Hub:
    accept([ASKED])
    return Hub(mirror.url, tmp_path / "cache")
