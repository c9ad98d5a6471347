"""The engine that is loaded now, kept warm until another one is wanted."""

from __future__ import annotations

import gc
import logging

import torch

from ..engines import registry
from ..engines.base import Engine

log = logging.getLogger(__name__)


class EngineShelf:
    """Holds one loaded engine on one device ("cpu", "cuda", "cuda:1")."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._loaded: tuple[str, str, Engine] | None = None

    def take(self, engine: str, variant: str) -> Engine:
        """The engine's variant, loaded at first and whenever another one was used before.

        Raises:
            NotFound, WeightsMissing, WeightsDamaged: see engines.registry.load.
        """
        if self._loaded is None or self._loaded[:2] != (engine, variant):
            self.clear()
            log.info("loading %s %s on %s", engine, variant, self.device)
            self._loaded = (engine, variant, registry.load(engine, variant, self.device))
        return self._loaded[2]

    def clear(self) -> None:
        """Let go of the engine and give its memory back."""
        self._loaded = None
        gc.collect()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
