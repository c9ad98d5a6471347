"""Guided evaluations of the networks, and what the conditional one sees of earlier views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...nn import cuda_graphs
from .adm_unet import NO_CLASS, AdmUnet2d
from .warping import WarpedView

COLOR_PULL, DEPTH_PULL, BOUND_PULL = 0.1, 0.2, 0.5  # published


@dataclass(frozen=True)
class Condition:
    """Warped views as the network takes them; values -1..1, masks 0 or 1.

    rgbd: [B, 4, S, S]. mask, color_mask: [B, 1, S, S] where depth and color are seen. bound: [B, 1,
    S, S] depth codes before which nothing unseen lies.
    """

    rgbd: Tensor
    mask: Tensor
    color_mask: Tensor
    bound: Tensor

    @classmethod
    def of_views(cls, views: Sequence[WarpedView], device: str) -> Condition:
        rgbd = [np.concatenate([view.colors, view.codes[..., None]], axis=-1) for view in views]

        def stacked(arrays: Sequence[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.stack(arrays).astype(np.float32)).to(device)

        return cls(
            2 * stacked(rgbd).permute(0, 3, 1, 2) - 1,
            stacked([view.mask for view in views])[:, None],
            stacked([view.color_mask for view in views])[:, None],
            2 * stacked([view.bounds for view in views])[:, None] - 1,
        )

    def channels(self, noise: Tensor) -> Tensor:
        """The network's channels beside the noisy view [B, 6, S, S]: colour mask, colour, depth,
        depth mask. What is hidden is `noise` [B, 4, S, S].
        """
        color = self.rgbd[:, :3] * self.color_mask + noise[:, :3] * (1 - self.color_mask)
        depth = self.rgbd[:, 3:] * self.mask + noise[:, 3:] * (1 - self.mask)
        return torch.cat([self.color_mask, color, depth, self.mask], dim=1)


@dataclass(frozen=True)
class Pulls:
    """How far an estimate is drawn to its condition, 0..1."""

    color: float = COLOR_PULL
    depth: float = DEPTH_PULL
    bound: float = BOUND_PULL


def pull_to_condition(
    clean: Tensor, condition: Condition, pulls: Pulls, *, is_last: bool
) -> Tensor:
    """The estimate of the clean view [B, 4, S, S] drawn to what is seen, and behind the bound where
    nothing is. In the last step its colours stay.
    """
    color, depth = clean[:, :3], clean[:, 3:]
    if not is_last:
        color = torch.lerp(color, condition.rgbd[:, :3], pulls.color * condition.color_mask)
    depth = torch.lerp(depth, condition.rgbd[:, 3:], pulls.depth * condition.mask)
    behind = torch.maximum(depth, condition.bound)
    depth = torch.lerp(depth, behind, pulls.bound * (1 - condition.mask))
    return torch.cat([color, depth], dim=1)


@dataclass(frozen=True)
class DenoiserInputs(cuda_graphs.GraphInputs):
    """classes: [B]. guidance: [] or None for a plain evaluation. condition: [B, 6, S, S], of the
    conditional network.
    """

    classes: Tensor
    guidance: Tensor | None = None
    condition: Tensor | None = None

    @classmethod
    def for_class(cls, number: int, count: int, guidance: float, device: str) -> DenoiserInputs:
        classes = torch.full((count,), number, device=device)
        is_guided = guidance > 0 and number != NO_CLASS
        return cls(classes, torch.tensor(guidance, device=device) if is_guided else None)

    def with_condition(self, channels: Tensor) -> DenoiserInputs:
        return replace(self, condition=channels)


class GuidedDenoiser:
    """Noise [B, 4, S, S] with classifier-free guidance: (1 + s) eps(class) - s eps(no class)."""

    def __init__(self, unet: AdmUnet2d) -> None:
        self._unet = unet

    def __call__(self, noisy: Tensor, time: Tensor, inputs: DenoiserInputs) -> Tensor:
        """At time [] or [B], from 0."""
        x = noisy if inputs.condition is None else torch.cat([noisy, inputs.condition], dim=1)
        times, classes = time.expand(len(x)), inputs.classes
        if inputs.guidance is None:
            return self._unet(x, times, classes)
        both = torch.cat([classes, torch.full_like(classes, NO_CLASS)])
        of_class, of_none = self._unet(x.repeat(2, 1, 1, 1), times.repeat(2), both).chunk(2)
        return of_class + inputs.guidance * (of_class - of_none)
