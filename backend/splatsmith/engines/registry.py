"""Which engines there are. Cards are light; an engine's torch code is imported when it is loaded."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ..contract.cards import EngineCard
from ..contract.problems import NotFound
from .sprout.card import CARD as SPROUT

if TYPE_CHECKING:
    from .base import Engine

CARDS: dict[str, EngineCard] = {card.id: card for card in (SPROUT,)}


def card(engine: str) -> EngineCard:
    """The card of the engine called `engine`.

    Raises:
        NotFound: there is no such engine.
    """
    if engine not in CARDS:
        raise NotFound(f"There is no engine {engine!r}.", f"There are: {', '.join(CARDS)}.")
    return CARDS[engine]


def load(engine: str, variant: str, device: str) -> Engine:
    """Load a variant's weights onto `device` ("cpu", "cuda", "cuda:1").

    Every engine's package has a module `engine` with `load(variant, device) -> Engine`.

    Raises:
        NotFound: there is no such engine or variant.
        WeightsMissing, WeightsDamaged: what the names say.
    """
    chosen = card(engine).variant(variant)
    module = importlib.import_module(f".{engine}.engine", __package__)
    return module.load(chosen.id, device)
