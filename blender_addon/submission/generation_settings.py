"""The settings of a generation beside its prompt and picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..contract.cards import ConditionKind
from ..contract.parameters import ParameterValue
from ..contract.protocol import DEFAULT_ENGINE, ExtractionOptions, Product
from ..contract.turntables import Turntable
from ..scene.control_map import ControlMap
from ..scene.images import Picture, picture_file
from ..scene.picture_file import PictureFile


@dataclass(frozen=True)
class GenerationSettings:
    """Engine, parameters, products and conditions. Empty values are the engine's defaults.

    control_map: rendered from objects in the scene.
    maps: pictures by kind: depth and normal maps, any picture for its edges (CANNY), and pictures
        of the object's other sides (RIGHT, BACK, LEFT).
    class_label: the name or the number of one of the engine's classes.
    """

    engine: str = DEFAULT_ENGINE
    variant: str = ""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    products: tuple[Product, ...] = tuple(Product)
    extraction: ExtractionOptions = ExtractionOptions()
    turntables: tuple[Turntable, ...] = (Turntable.WEBP,)
    control_map: ControlMap | None = None
    maps: Mapping[ConditionKind, Picture] = field(default_factory=dict)
    class_label: str = ""

    def control_pictures(self) -> dict[ConditionKind, PictureFile]:
        """The image files of all control maps, by kind.

        Raises:
            InvalidRequest: a map cannot be read, or its objects have no visible faces.
        """
        files = {role: picture_file(picture) for role, picture in self.maps.items()}
        if self.control_map is not None:
            files[self.control_map.kind] = PictureFile(self.control_map.png())
        return files
