"""The backend's package `splatsmith.contract`, from the zip or from a checkout.

This module acts as a package whose modules are in the backend's folder: `contract.cards` is the
file `splatsmith/contract/cards.py`. Nothing is added to `sys.path`, and the modules' names are
inside the extension's, as Blender's guidelines require.
"""

from __future__ import annotations

from pathlib import Path

_ADDON = Path(__file__).resolve().parent
_BACKEND_FOLDERS = (_ADDON / "backend", _ADDON.parent / "backend")


def find_backend() -> Path:
    """The folder of the package `splatsmith`: inside the extension, or beside it in a checkout."""
    for folder in _BACKEND_FOLDERS:
        if (folder / "splatsmith" / "contract").is_dir():
            return folder
    raise FileNotFoundError("The add-on is incomplete: its folder `backend` is missing.")


__path__ = [str(find_backend() / "splatsmith" / "contract")]
