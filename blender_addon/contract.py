"""The one seam to the backend's code: its `splatsmith.contract`, from the zip or from a checkout.

This module is a package whose parts lie in the backend's folder: `contract.cards` here is the file
`splatsmith/contract/cards.py` there. Nothing is added to `sys.path`, and the names stay inside the
extension, where Blender wants them.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_BACKEND_PLACES = (_HERE / "backend", _HERE.parent / "backend")


def find_backend() -> Path:
    """The folder that holds the package `splatsmith`: inside the extension, or beside it."""
    for place in _BACKEND_PLACES:
        if (place / "splatsmith" / "contract").is_dir():
            return place
    raise FileNotFoundError("The add-on is incomplete: its folder `backend` is missing.")


__path__ = [str(find_backend() / "splatsmith" / "contract")]
