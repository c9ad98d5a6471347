"""How splats are drawn in the viewport: what the preferences choose."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Quality(Enum):
    """Resolution of the splats' image, and whether their colors follow the view."""

    FULL = "full"  # the viewport's resolution
    HALF = "half"  # half of it
    FAST = "fast"  # half of it, and colors that depend on no direction


@dataclass(frozen=True)
class ViewportSettings:
    """draws_splats: by the draw handler; otherwise the node groups show them there as well."""

    draws_splats: bool = True
    quality: Quality = Quality.FULL

    @property
    def pixel_size(self) -> int:
        """Pixels of the viewport, along a side, to one of the splats' image."""
        return 1 if self.quality is Quality.FULL else 2
