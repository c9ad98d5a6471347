"""The repositories of the mosaic's checkpoints; needs no backend, for tests in Blender."""

from __future__ import annotations

TILES = "studio/tiles"
BASE = "studio/base"
VAULT = "vault/locked"
