"""An image file that is uploaded, which may be encoded only then."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock


class PictureFile:
    """The content of an image file; of one that is to be encoded, by the first thread that asks.

    Several jobs may share it, and each gets the same content.
    """

    def __init__(self, content: bytes | Callable[[], bytes]) -> None:
        """A function needs no bpy, as another thread calls it."""
        self._lock = Lock()
        self._content = content

    def read(self) -> bytes:
        with self._lock:
            if not isinstance(self._content, bytes):
                self._content = self._content()  # and the pixels are released
            return self._content
