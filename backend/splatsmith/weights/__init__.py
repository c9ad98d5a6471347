"""Checkpoints on this machine: their status, downloads, imports, conversion and integrity.

What is light to import is exported here. `download`, `local_import` and `integrity` load the hub's
library or safetensors: import them where they are used.
"""

from __future__ import annotations

from .bundled import bundled_file
from .status import files_of, fingerprints, folder_of, require, status_of

__all__ = ["bundled_file", "files_of", "fingerprints", "folder_of", "require", "status_of"]
