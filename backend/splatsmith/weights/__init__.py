"""Where each checkpoint is on this machine, whether it is whole, and how it gets here.

`download`, `adopt` and `verify` are modules of their own, and load the hub's library or read much.
"""

from __future__ import annotations

from .bundled import bundled_file
from .status import files_of, fingerprints, folder_of, require, status_of

__all__ = ["bundled_file", "files_of", "fingerprints", "folder_of", "require", "status_of"]
