"""Camera paths of scenes, and what follows from them for their placement."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Pose = tuple[float, ...]  # a 4 x 4 matrix, row by row


class AssetPlacement(StrEnum):
    """How an asset is put into a scene, as job.json says."""

    GROUND = "ground"  # upright, its lowest point on the ground
    CAMERA = "camera"  # as its picture's camera saw it, which comes with it


@dataclass(frozen=True)
class CameraPath:
    """The cameras that a scene was generated for; the first is its picture's.

    fov: degrees, vertical; images are square.
    poses: camera to world in the asset frame, OpenCV axes (x right, y down, z forward).
    """

    fov: float
    poses: tuple[Pose, ...]
