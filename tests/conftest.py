"""What every test shares, in the backend's environment and in Blender's."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout's folder."""
    return ROOT
