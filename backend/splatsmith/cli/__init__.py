"""The command line: splatsmith serve · generate · batch · extract · engines · weights."""

from __future__ import annotations

from .main import main

__all__ = ["main"]
