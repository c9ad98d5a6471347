"""Objects in colours that words name, so that "a purple chair" is seen though none was drawn."""

from __future__ import annotations

import torch
from torch import Tensor

ANCHORS = {
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

NAMES = tuple(ANCHORS)
SPREAD = 0.05  # deviation of a colour about its anchor
PUREST = 0.8  # at least so much of an object takes the new colour
MOST_GAIN = 4.0  # objects that would have to become lighter than this stay as they are
LUMA = (0.299, 0.587, 0.114)


def tint_matrices(means: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices [B, 3, 3] that give objects of mean colours [B, 3] the colours `names` [B].

    Light and dark stay; the mean takes the named colour. Also whether each can have it, [B]: a
    black object cannot become white.
    """
    luma = torch.tensor(LUMA, device=means.device)
    anchors = torch.tensor(list(ANCHORS.values()), device=means.device)[names]
    wanted = (anchors + SPREAD * torch.randn_like(anchors)).clamp(0.05, 0.97)
    lightness = means @ luma
    recolour = wanted[:, :, None] * luma / lightness.clamp(min=0.02)[:, None, None]
    purity = PUREST + (1 - PUREST) * torch.rand(len(means), 1, 1, device=means.device)
    mixed = torch.lerp(torch.eye(3, device=means.device), recolour, purity)
    return mixed, wanted @ luma < MOST_GAIN * lightness
