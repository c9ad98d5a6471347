"""Colours that words name, and clouds that take them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ...contract.cloud import SH_C0, GaussianCloud
from ...gaussians.numba_jit import Floats

HUES = {
    "red": (0.80, 0.16, 0.14),
    "orange": (0.93, 0.52, 0.14),
    "yellow": (0.95, 0.82, 0.20),
    "green": (0.25, 0.60, 0.22),
    "teal": (0.12, 0.58, 0.56),
    "blue": (0.18, 0.36, 0.80),
    "purple": (0.50, 0.25, 0.70),
    "pink": (0.95, 0.55, 0.70),
    "brown": (0.45, 0.29, 0.17),
    "beige": (0.86, 0.77, 0.60),
    "gray": (0.52, 0.52, 0.53),
    "black": (0.10, 0.10, 0.11),
    "white": (0.94, 0.94, 0.93),
}
"""sRGB 0..1 of the named colours."""

LUMA = (0.299, 0.587, 0.114)

_LIGHTNESS = 0.5  # weight of CIE Lab's lightness where colours are named
_SOFTNESS = 6.0  # of the bounds between names, Lab units
_MOST_OF_THEM = 0.95  # quantile of belonging from which on a Gaussian takes the colour wholly
_PURITY = 0.9  # of the colour that is taken
_MOST_GAIN = 2.0  # lighter than the named colour by no more than this
_DARKEST = 0.02


def has_mainly(cloud: GaussianCloud, name: str) -> bool:
    """Whether most of what is seen of a cloud is what `name` says."""
    return _main(_distances(_colors(cloud)), _sizes(cloud)) == list(HUES).index(name)


def in_color(cloud: GaussianCloud, name: str) -> GaussianCloud:
    """`cloud` with what it mainly is coloured `name`; light and dark stay, and so do its details.

    Unchanged where that is its colour already. There must be Gaussians in it.
    """
    colors, sizes = _colors(cloud), _sizes(cloud)
    distances = _distances(colors)
    main = _main(distances, sizes)
    if main == list(HUES).index(name):
        return cloud
    likeness = np.exp((distances.min(1, keepdims=True) - distances) / _SOFTNESS)
    belonging = (likeness / likeness.sum(1, keepdims=True))[:, main]
    luma = colors @ np.asarray(LUMA, np.float32)
    middle = max(float(np.average(luma, weights=sizes * belonging + 1e-12)), _DARKEST)
    shade = np.minimum(luma / middle, _MOST_GAIN)
    wanted = np.clip(np.asarray(HUES[name]) * shade[:, None], 0, 1)
    taken = _PURITY * np.minimum(belonging / np.quantile(belonging, _MOST_OF_THEM), 1)
    painted = colors + taken[:, None] * (wanted - colors)
    return replace(cloud, sh0=((painted - 0.5) / SH_C0).astype(np.float32))


def _colors(cloud: GaussianCloud) -> Floats:
    return np.clip(0.5 + np.float32(SH_C0) * cloud.sh0, 0, 1)


def _sizes(cloud: GaussianCloud) -> Floats:
    """[N] how much of a picture a Gaussian takes: its two longest axes, and its opacity."""
    return np.sort(cloud.scales, axis=1)[:, 1:].prod(1) * cloud.opacities


def _distances(colors: Floats) -> Floats:
    """[N, 13] in Lab between colours [N, 3] and HUES."""
    known = _lab(np.array(list(HUES.values()), np.float32))
    return np.linalg.norm(_lab(colors)[:, None] - known, axis=2)


def _lab(colors: Floats) -> Floats:
    """CIE Lab [N, 3], lightness at half weight, of sRGB colours [N, 3]."""
    lab = cv2.cvtColor(colors[:, None], cv2.COLOR_RGB2Lab)[:, 0]
    return (lab * np.array([_LIGHTNESS, 1, 1], np.float32)).astype(np.float32)


def _main(distances: Floats, sizes: Floats) -> int:
    """Which of HUES names most."""
    return int(np.bincount(distances.argmin(1), weights=sizes, minlength=len(HUES)).argmax())
