"""A picture of a field while it is made.

It is rendered from the field: an unfinished one often has no surface yet, and splats of it would
take a hundred times as long. Previews and turntables of results show the splats that users get.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..gaussians.cameras import orbit_cameras
from ..progress import silent
from .field_function import FieldFunction
from .field_rendering import SampleCounts, render_field

_AZIMUTH, _ELEVATION, _FOV = -30.0, 15.0, 40.0  # as in previews of results
_SHOWN = 0.8  # of the bounds' half diagonal, by half the picture's height
_COUNTS = SampleCounts(24, 24)
_BACKGROUND = 0.92  # grey, sRGB


def draw_field(function: FieldFunction, size: int = 96) -> NDArray[np.uint8]:
    """[size, size, 3] sRGB, from the front, a little aside; of bounds about the origin."""
    reach = float(np.linalg.norm(function.bounds.upper - function.bounds.lower)) / 2
    distance = _SHOWN * reach / np.tan(np.radians(_FOV) / 2)
    cameras = orbit_cameras([_AZIMUTH], _ELEVATION, distance, _FOV, size)
    marched = render_field(function, cameras, silent(), _COUNTS)
    image = marched.over(torch.full((3,), _BACKGROUND, device=function.device))
    return image.reshape(size, size, 3).mul(255).round().clamp(0, 255).byte().cpu().numpy()
