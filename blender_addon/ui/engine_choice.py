"""Engines that the preferences leave out of the choice."""

from __future__ import annotations

from ..contract.cards import EngineCard

_hides = {"forbids commercial use": False}


def hide_engines(forbid_commercial_use: bool) -> None:
    """Whether engines whose licences forbid commercial use are hidden."""
    _hides["forbids commercial use"] = forbid_commercial_use


def is_hidden(card: EngineCard) -> bool:
    return _hides["forbids commercial use"] and card.forbids_commercial_use
