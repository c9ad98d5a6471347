"""Objects in colours that words name, so that "a purple chair" is seen though none was drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from splatsmith.engines.sprout.color_names import LUMA, NAMED_COLORS

NAMES = tuple(NAMED_COLORS)
SPREAD = 0.05  # deviation of a colour about its anchor
PUREST = 0.8  # at least so much of an object takes the new colour
MOST_GAIN = 4.0  # objects that would have to become lighter than this stay as they are


def tint_matrices(means: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices [B, 3, 3] that give objects of mean colours [B, 3] the colours `names` [B].

    Light and dark stay; the mean takes the named colour. Also whether each can have it, [B]: a
    black object cannot become white.
    """
    luma = torch.tensor(LUMA, device=means.device)
    anchors = torch.tensor(list(NAMED_COLORS.values()), device=means.device)[names]
    wanted = (anchors + SPREAD * torch.randn_like(anchors)).clamp(0.05, 0.97)
    lightness = means @ luma
    recolour = wanted[:, :, None] * luma / lightness.clamp(min=0.02)[:, None, None]
    purity = PUREST + (1 - PUREST) * torch.rand(len(means), 1, 1, device=means.device)
    mixed = torch.lerp(torch.eye(3, device=means.device), recolour, purity)
    return mixed, wanted @ luma < MOST_GAIN * lightness
