"""The one interface of all engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.camera_path import AssetPlacement, CameraPath
from ..contract.cards import ConditionKind
from ..contract.parameters import ParameterValue
from ..progress import Progress
from ..representations.base import Representation


@dataclass(frozen=True)
class EngineInputs:
    """What to make: the request with its defaults filled in and its pictures decoded.

    pictures: by role, uint8 RGBA [H, W, 4], sRGB, straight alpha. An IMAGE, and those of other
        sides, arrive with their background removed (alpha 0), unless the variant keeps it, but
        neither centred nor resized: framing is the engine's.
    parameters: complete and checked against the engine's card; `seed` is always among them.
    class_label: one of the card's, for variants that take a class.
    """

    prompt: str
    variant: str
    pictures: Mapping[ConditionKind, NDArray[np.uint8]] = field(default_factory=dict)
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    class_label: str = ""


@dataclass(frozen=True)
class ConditioningCamera:
    """The camera that the conditioning picture was taken with, in the asset frame.

    Degrees; distance to the origin and the asset in the same, engine's own units; `fov` is
    vertical. Azimuth 0 sees the front. Recorded in job.json.
    """

    elevation: float
    distance: float
    fov: float


class FreeViews(Protocol):
    """RGBD views of a scene, blended into cameras between them."""

    def swing(self, turns: Sequence[float], size: int) -> Iterator[NDArray[np.uint8]]:
        """Pictures [size, size, 3], sRGB, from places on a swing before the scene: 0 is its
        beginning, and 1 where it begins again.
        """
        ...


@dataclass(frozen=True)
class Generation:
    """An engine's answer, in the asset frame.

    representation: what the network gives: Gaussians, a density field or RGBD views.
    notes: sentences for the user.
    camera_path: of a scene, whose first camera is the picture's. It is placed by that camera, and
        not on the ground.
    prepared_picture: [H, W, 3], the picture as the network saw it.
    free_views: of RGBD views, which show more than the splats that are made of them.
    """

    representation: Representation
    camera: ConditioningCamera
    notes: tuple[str, ...] = ()
    camera_path: CameraPath | None = None
    prepared_picture: NDArray[np.uint8] | None = None
    free_views: FreeViews | None = None

    @property
    def placement(self) -> AssetPlacement:
        return AssetPlacement.GROUND if self.camera_path is None else AssetPlacement.CAMERA


class Engine(Protocol):
    """A loaded variant of an engine on one device, kept warm between jobs."""

    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        """Make one asset. Deterministic in `inputs`; calls `progress.step` at every step.

        Raises:
            Cancelled: from `progress.step`.
            InvalidRequest, OutOfMemory: what the names say.
        """
        ...
