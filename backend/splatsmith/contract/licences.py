"""Licences of checkpoints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """The terms of a checkpoint; those with `must_accept` are agreed to once, before a download."""

    name: str
    url: str = ""
    must_accept: bool = False
