"""Batches for both networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splatsmith.engines.ivid.adm_unet import NO_CLASS
from splatsmith.engines.ivid.denoising import Condition
from splatsmith.engines.ivid.depth_code import encode_depth
from training.ivid.conditions import Conditions
from training.ivid.config import TrainingConfig
from training.ivid.rgbd_folder import RgbdPictures


@dataclass(frozen=True)
class Batch:
    """clean: views [B, 4, S, S], -1..1. classes: [B]. condition: of the second network."""

    clean: Tensor
    classes: Tensor
    condition: Condition | None = None


class BatchSource:
    """Draws pictures, with conditions where there are some."""

    def __init__(
        self, pictures: RgbdPictures, config: TrainingConfig, conditions: Conditions | None = None
    ) -> None:
        self._pictures = pictures
        self._config = config
        self._conditions = conditions

    def draw(self, rng: np.random.Generator, device: torch.device) -> Batch:
        count = self._config.optimizer.batch
        chosen = rng.integers(len(self._pictures), size=count)
        is_mirrored = self._config.mirrored & (rng.random(count) < 0.5)
        classes = self._pictures.classes[chosen].copy()
        classes[rng.random(count) < self._config.classless_share] = NO_CLASS
        codes = encode_depth(self._pictures.depths[chosen].astype(np.float64))
        clean = _planes(self._pictures.colors[chosen], codes, is_mirrored, device)
        condition = self._condition(chosen, rng, is_mirrored, device)
        return Batch(clean, torch.from_numpy(classes).to(device), condition)

    def _condition(
        self,
        chosen: NDArray[np.int64],
        rng: np.random.Generator,
        is_mirrored: NDArray[np.bool_],
        device: torch.device,
    ) -> Condition | None:
        if self._conditions is None:
            return None
        warps = rng.integers(self._conditions.codes.shape[1], size=len(chosen))
        masks = self._conditions.masks[chosen, warps]
        masks = np.where(is_mirrored[:, None, None], masks[..., ::-1], masks)
        codes = self._conditions.codes[chosen, warps].astype(np.float64)
        rgbd = _planes(self._conditions.colors[chosen, warps], codes, is_mirrored, device)
        seen, color_seen = (
            torch.from_numpy((masks & bit > 0).astype(np.float32))[:, None].to(device)
            for bit in (1, 2)
        )
        return Condition(rgbd, seen, color_seen, bound=rgbd[:, 3:])


def _planes(
    colors: NDArray[np.uint8],
    codes: NDArray[np.float64],
    is_mirrored: NDArray[np.bool_],
    device: torch.device,
) -> Tensor:
    """[B, 4, S, S], -1..1."""
    rgbd = np.concatenate([colors.astype(np.float32) / 255, codes[..., None]], axis=-1)
    rgbd = np.where(is_mirrored[:, None, None, None], rgbd[:, :, ::-1], rgbd)
    return 2 * torch.from_numpy(rgbd.astype(np.float32)).permute(0, 3, 1, 2).to(device) - 1
