"""Colours that prompts name, and recolouring clouds to them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ...contract.cloud import SH_C0, GaussianCloud
from ...gaussians.numba_jit import Floats

NAMED_COLORS = {
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
COLOR_SYNONYMS = {"grey": "gray", "violet": "purple", "crimson": "red", "scarlet": "red"}
COLOR_SYNONYMS |= {"turquoise": "teal", "cyan": "teal", "magenta": "pink", "tan": "beige"}
"""sRGB, 0..1."""

LUMA = (0.299, 0.587, 0.114)

_LIGHTNESS_WEIGHT = 0.5  # of CIE Lab's L when colours are classified
_SOFTMAX_TEMPERATURE = 6.0  # Lab units
_FULL_MEMBERSHIP = 0.95  # quantile of membership from which on a Gaussian is recoloured fully
_MAX_BLEND = 0.9  # share of the new colour where membership is full
_MAX_SHADE = 2.0  # luma relative to the mean of what is recoloured
_MIN_LUMA = 0.02


def dominant_color(cloud: GaussianCloud) -> str:
    """The named colour that is nearest to most of a cloud, by the Gaussians' visible area."""
    nearest = _distances(_colors(cloud)).argmin(1)
    areas = np.bincount(nearest, weights=_areas(cloud), minlength=len(NAMED_COLORS))
    return list(NAMED_COLORS)[areas.argmax()]


def recolor(cloud: GaussianCloud, name: str) -> GaussianCloud:
    """`cloud` with its dominant colour replaced by the colour `name`; other colours and shading
    remain.

    Returned unchanged if that is its dominant colour already. The cloud must not be empty.
    """
    dominant = dominant_color(cloud)
    if dominant == name:
        return cloud
    colors = _colors(cloud)
    membership = _membership(colors, dominant)
    luma = colors @ np.asarray(LUMA, np.float32)
    weights = _areas(cloud) * membership + 1e-12
    mean_luma = max(float(np.average(luma, weights=weights)), _MIN_LUMA)
    shade = np.minimum(luma / mean_luma, _MAX_SHADE)
    target = np.clip(np.asarray(NAMED_COLORS[name]) * shade[:, None], 0, 1)
    blend = _MAX_BLEND * np.minimum(membership / np.quantile(membership, _FULL_MEMBERSHIP), 1)
    blended = colors + blend[:, None] * (target - colors)
    return replace(cloud, sh0=((blended - 0.5) / SH_C0).astype(np.float32))


def _colors(cloud: GaussianCloud) -> Floats:
    """sRGB [N, 3], 0..1."""
    return np.clip(0.5 + np.float32(SH_C0) * cloud.sh0, 0, 1)


def _areas(cloud: GaussianCloud) -> Floats:
    """[N] visible area: the product of the two longest axes and the opacity."""
    return np.sort(cloud.scales, axis=1)[:, 1:].prod(1) * cloud.opacities


def _membership(colors: Floats, name: str) -> Floats:
    """[N], 0..1: softmax over the named colours of the negative distances."""
    distances = _distances(colors)
    scores = np.exp((distances.min(1, keepdims=True) - distances) / _SOFTMAX_TEMPERATURE)
    return (scores / scores.sum(1, keepdims=True))[:, list(NAMED_COLORS).index(name)]


def _distances(colors: Floats) -> Floats:
    """[N, 13], in Lab, from colours [N, 3] to NAMED_COLORS."""
    known = _lab(np.array(list(NAMED_COLORS.values()), np.float32))
    return np.linalg.norm(_lab(colors)[:, None] - known, axis=2)


def _lab(colors: Floats) -> Floats:
    """CIE Lab [N, 3], lightness weighted, of sRGB colours [N, 3]."""
    lab = cv2.cvtColor(colors[:, None], cv2.COLOR_RGB2Lab)[:, 0]
    return (lab * np.array([_LIGHTNESS_WEIGHT, 1, 1], np.float32)).astype(np.float32)
