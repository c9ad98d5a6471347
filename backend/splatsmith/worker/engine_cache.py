"""The loaded engine, kept until another engine or variant is requested."""

from __future__ import annotations

import gc
import logging

import torch

from ..engines import registry
from ..engines.base import Engine

log = logging.getLogger(__name__)


class EngineCache:
    """Holds one loaded engine on one device ("cpu", "cuda", "cuda:1")."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._loaded: tuple[str, str, Engine] | None = None

    def get(self, engine: str, variant: str) -> Engine:
        """The engine's variant, loaded unless it is the one of the last call.

        Raises:
            NotFound, WeightsMissing, WeightsDamaged: see engines.registry.load.
        """
        if self._loaded is None or self._loaded[:2] != (engine, variant):
            self.clear()
            log.info("loading %s %s on %s", engine, variant, self.device)
            self._loaded = (engine, variant, registry.load(engine, variant, self.device))
        return self._loaded[2]

    def clear(self) -> None:
        """Unload the engine and release its memory."""
        self._loaded = None
        gc.collect()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
