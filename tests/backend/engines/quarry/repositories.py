"""The repository of the quarry's published checkpoint; needs no backend, for tests in Blender."""

from __future__ import annotations

PIT = "studio/pit"
