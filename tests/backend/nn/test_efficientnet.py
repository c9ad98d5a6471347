"""EfficientNet with folded batch normalisations against the unfolded layers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from splatsmith.nn.efficientnet import (
    BATCH_NORM_EPSILON,
    PIXEL_MEAN,
    PIXEL_STD,
    STAGES,
    STEM_CHANNELS,
    EfficientNetLite,
    SameConv,
    from_torch_checkpoint,
)


@dataclass(frozen=True)
class Layer:
    """A convolution and the batch normalisation after it, with the package's names."""

    name: str
    norm: str
    in_channels: int
    out_channels: int
    kernel: int = 1
    stride: int = 1
    groups: int = 1

    def weights(self) -> dict[str, Tensor]:
        inside = self.in_channels // self.groups
        kernel = torch.randn(self.out_channels, inside, self.kernel, self.kernel)
        return {
            f"{self.name}.weight": kernel / (inside * self.kernel**2) ** 0.5,
            f"{self.norm}.weight": 0.5 + torch.rand(self.out_channels),
            f"{self.norm}.bias": torch.randn(self.out_channels),
            f"{self.norm}.running_mean": torch.randn(self.out_channels),
            f"{self.norm}.running_var": 0.5 + torch.rand(self.out_channels),
        }

    def __call__(self, x: Tensor, state: dict[str, Tensor]) -> Tensor:
        # All sizes are powers of two: at stride 2, "SAME" has one more row below than above.
        before, after = (self.kernel - self.stride) // 2, (self.kernel - self.stride + 1) // 2
        padded = F.pad(x, (before, after, before, after))
        kernel = state[f"{self.name}.weight"]
        convolved = F.conv2d(padded, kernel, stride=self.stride, groups=self.groups)
        mean, variance, scale, shift = (
            state[f"{self.norm}.{part}"]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(convolved, mean, variance, scale, shift, eps=BATCH_NORM_EPSILON)


def blocks() -> list[list[Layer]]:
    """The layers of all blocks."""
    layers: list[list[Layer]] = []
    in_channels = STEM_CHANNELS
    for count, kernel, stride, expansion, channels in STAGES:
        for place in range(count):
            prefix, hidden = f"_blocks.{len(layers)}.", expansion * in_channels
            step = stride if place == 0 else 1
            block = [
                Layer(prefix + "_expand_conv", prefix + "_bn0", in_channels, hidden),
                Layer(
                    prefix + "_depthwise_conv",
                    prefix + "_bn1",
                    hidden,
                    hidden,
                    kernel,
                    step,
                    hidden,
                ),
                Layer(prefix + "_project_conv", prefix + "_bn2", hidden, channels),
            ]
            layers.append(block if expansion > 1 else block[1:])
            in_channels = channels
    return layers


def test_folding_batch_norms_changes_nothing() -> None:
    torch.manual_seed(0)
    stem, body = Layer("_conv_stem", "_bn0", 3, STEM_CHANNELS, 3, 2), blocks()
    state: dict[str, Tensor] = {}
    for layer in [stem, *(layer for block in body for layer in block)]:
        state |= layer.weights()
    pictures = torch.rand(2, 3, 64, 64)
    x = F.relu6(stem((pictures - PIXEL_MEAN) / PIXEL_STD, state))
    ends = {sum(stage[0] for stage in STAGES[: index + 1]) for index in range(len(STAGES))}
    expected: list[Tensor] = []
    for number, (*inner, last) in enumerate(body, 1):
        out = x
        for layer in inner:
            out = F.relu6(layer(out, state))
        out = last(out, state)
        x = x + out if out.shape == x.shape else out
        if number in ends:
            expected.append(x)
    with torch.inference_mode():
        maps = from_torch_checkpoint(state)(pictures)
    assert [tuple(each.shape[1:]) for each in maps] == [
        (16, 32, 32), (24, 16, 16), (40, 8, 8), (80, 4, 4), (112, 4, 4), (192, 2, 2), (320, 2, 2),
    ]  # fmt: skip
    for ours, theirs in zip(maps, expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()))


@pytest.mark.parametrize(("side", "kernel"), [(8, 3), (9, 3), (8, 5), (7, 5)])
def test_same_padding_at_stride_two_halves_and_rounds_up(side: int, kernel: int) -> None:
    assert SameConv(1, 1, kernel, 2)(torch.zeros(1, 1, side, side)).shape[-1] == (side + 1) // 2


def test_fewer_stages_return_the_first_maps() -> None:
    network, pictures = EfficientNetLite(), torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        few, every = network(pictures, 3), network(pictures)
    assert len(few) == 3
    assert all(torch.equal(a, b) for a, b in zip(few, every, strict=False))
