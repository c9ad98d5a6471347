"""How DiffSplat's cameras stand: what cards and networks both need to know, without torch."""

from __future__ import annotations

import math

AZIMUTHS = (0.0, 90.0, 180.0, 270.0)  # degrees, of the four views
DISTANCE = 1.4
FOCAL = 1422.222 / 1024  # of the picture's side
FOV = math.degrees(2 * math.atan(0.5 / FOCAL))
