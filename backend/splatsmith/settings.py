"""The backend's data directory and the size limits of what it accepts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DATA_VARIABLE = "SPLATSMITH_DATA"

MAX_PICTURE_BYTES = 64 * 2**20
MAX_CLOUD_BYTES = 2 * 2**30
MAX_WEIGHTS_BYTES = 64 * 2**30
MAX_JSON_BYTES = 2**20


def data_directory() -> Path:
    """The folder of jobs and uploads: $SPLATSMITH_DATA, else the platform's user data folder."""
    if chosen := os.environ.get(DATA_VARIABLE):
        return Path(chosen).expanduser()
    return _user_data() / "splatsmith"


def _user_data() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
