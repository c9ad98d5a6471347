"""The engines. Cards are light; an engine's torch code is imported when it is loaded.

An engine is a package with two modules: `card` with its CARD, an EngineCard, and `engine`, whose
`load(variant, device) -> Engine` loads its weights. The environment variable SPLATSMITH_ENGINES
adds further packages, separated by commas.
"""

from __future__ import annotations

import importlib
import os
from functools import cache
from typing import TYPE_CHECKING

from ..contract.cards import Checkpoint, EngineCard
from ..contract.problems import InvalidRequest, NotFound

if TYPE_CHECKING:
    from .base import Engine

BUILT_IN = (
    "splatsmith.engines.sprout",
    "splatsmith.engines.diffsplat",
    "splatsmith.engines.diffusiongs",
    "splatsmith.engines.ivid",
    "splatsmith.engines.ln3diff",
    "splatsmith.engines.zero1tog",
)
ENGINES_VARIABLE = "SPLATSMITH_ENGINES"


def cards() -> list[EngineCard]:
    """The cards of all engines, the built-in ones first."""
    return [card for card, _ in _engines().values()]


def card(engine: str) -> EngineCard:
    """The card of the engine called `engine`.

    Raises:
        NotFound: there is no such engine.
    """
    return _find(engine)[0]


def checkpoints() -> dict[str, Checkpoint]:
    """All engines' checkpoints that come from a hub, by their ids."""
    variants = (variant for each in cards() for variant in each.variants)
    all_of_them = (checkpoint for variant in variants for checkpoint in variant.checkpoints)
    return {each.id: each for each in all_of_them if not each.is_bundled}


def load(engine: str, variant: str, device: str) -> Engine:
    """Load a variant's weights onto `device` ("cpu", "cuda", "cuda:1").

    Raises:
        NotFound: there is no such engine or variant.
        WeightsMissing, WeightsDamaged: what the names say.
    """
    chosen, package = _find(engine)
    module = importlib.import_module(f"{package}.engine")
    return module.load(chosen.variant(variant).id, device)


def clear_cache() -> None:
    """Read SPLATSMITH_ENGINES and the cards again at the next call."""
    _engines.cache_clear()


def _find(engine: str) -> tuple[EngineCard, str]:
    engines = _engines()
    if engine not in engines:
        raise NotFound(f"There is no engine {engine!r}.", f"There are: {', '.join(engines)}.")
    return engines[engine]


@cache
def _engines() -> dict[str, tuple[EngineCard, str]]:
    """Card and package of each engine, by its id."""
    extra = [name.strip() for name in os.environ.get(ENGINES_VARIABLE, "").split(",")]
    packages = [*BUILT_IN, *filter(None, extra)]
    return {card.id: (card, package) for package in packages for card in [_read_card(package)]}


def _read_card(package: str) -> EngineCard:
    try:
        return importlib.import_module(f"{package}.card").CARD
    except ModuleNotFoundError as error:
        raise InvalidRequest(
            f"The engine {package} cannot be imported: {error}.",
            f"Check {ENGINES_VARIABLE} and that the package is on Python's path.",
        ) from error
