"""The command line: splatsmith serve · generate · batch · engines."""

from __future__ import annotations

from .main import main

__all__ = ["main"]
