"""Recoloring of objects to named colors, for captions such as "a purple chair"."""

from __future__ import annotations

import torch
from torch import Tensor

from splatsmith.engines.sprout.color_names import LUMA, NAMED_COLORS

COLOR_NAMES = tuple(NAMED_COLORS)
COLOR_STD = 0.05  # standard deviation about the named color
MIN_PURITY = 0.8  # smallest blend of the new color
MAX_GAIN = 4.0  # largest brightening that is allowed


def recolor_matrices(means: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices [B, 3, 3] that map the mean colors `means` [B, 3] to the named colors `names` [B]
    (indices) and keep relative luma; and whether each is possible, [B]: black cannot become white.
    """
    luma = torch.tensor(LUMA, device=means.device)
    anchors = torch.tensor(list(NAMED_COLORS.values()), device=means.device)[names]
    targets = (anchors + COLOR_STD * torch.randn_like(anchors)).clamp(0.05, 0.97)
    lightness = means @ luma
    recolored = targets[:, :, None] * luma / lightness.clamp(min=0.02)[:, None, None]
    purity = MIN_PURITY + (1 - MIN_PURITY) * torch.rand(len(means), 1, 1, device=means.device)
    mixed = torch.lerp(torch.eye(3, device=means.device), recolored, purity)
    return mixed, targets @ luma < MAX_GAIN * lightness
