"""What makes an asset beside its prompt and picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .contract.cards import ConditionKind
from .contract.parameters import ParameterValue
from .contract.protocol import DEFAULT_ENGINE, ExtractionOptions, Product, Turntable
from .control_map import Guide
from .images import Picture, read_picture


@dataclass(frozen=True)
class Recipe:
    """What changes a result beside its prompt and picture. Empty: the engine's own defaults.

    guide: a rough shape in the scene that leads, drawn as a map.
    maps: depth and normal maps, or pictures whose edges lead (ConditionKind.CANNY), by their roles.
    """

    engine: str = DEFAULT_ENGINE
    variant: str = ""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    products: tuple[Product, ...] = tuple(Product)
    extraction: ExtractionOptions = ExtractionOptions()
    turntables: tuple[Turntable, ...] = (Turntable.WEBP,)
    guide: Guide | None = None
    maps: Mapping[ConditionKind, Picture] = field(default_factory=dict)

    def leading(self) -> dict[ConditionKind, bytes]:
        """The files of all that leads, by role.

        Raises:
            InvalidRequest: a map cannot be read, or the guide has no faces.
        """
        files = {role: read_picture(picture) for role, picture in self.maps.items()}
        if self.guide is not None:
            files[self.guide.kind] = self.guide.picture()
        return files
