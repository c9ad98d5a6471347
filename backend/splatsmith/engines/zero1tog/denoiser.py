"""The U-Net with its reference and guidance: one evaluation predicts v of all attributes.

Batches are [unconditional x A, conditional x A] with classifier-free guidance, else
[conditional x A].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...nn.cuda_graphs import GraphInputs
from .joint_unet import JointUNet, References, attribute_labels


@dataclass(frozen=True)
class DenoiserInputs(GraphInputs):
    """The conditioning of a batch B: 2 with guidance, or 1 without.

    text: [B, L, D].
    reference: [B A, 4, H, W] latents of the picture, noisy when the U-Net gets them.
    scale, rescale: [] of the guidance, see `guide`; None without.
    """

    text: Tensor
    reference: Tensor
    scale: Tensor | None = None
    rescale: Tensor | None = None


class GuidedDenoiser(nn.Module):
    """The U-Net, run on the reference first and then on the noisy latents."""

    def __init__(self, unet: JointUNet) -> None:
        super().__init__()
        self.unet = unet
        labels = attribute_labels(unet.joint.attributes)
        self.register_buffer("labels", labels, persistent=False)

    def forward(self, latents: Tensor, time: Tensor, inputs: DenoiserInputs) -> Tensor:
        """v [A, 4, h, w] in float32 of latents [A, 4, h, w]."""
        batch = len(inputs.text)
        predicted = self.predict(latents.repeat(batch, 1, 1, 1), time, inputs).float()
        if inputs.scale is None or inputs.rescale is None:
            return predicted
        unconditional, conditional = predicted.chunk(2)
        return guide(unconditional, conditional, inputs.scale, inputs.rescale)

    def predict(self, latents: Tensor, time: Tensor, inputs: DenoiserInputs) -> Tensor:
        """v of a whole batch [B A, 4, h, w], without guidance."""
        attributes, dtype = self.unet.joint.attributes, inputs.text.dtype
        text = inputs.text.repeat_interleave(attributes, 0)
        labels = self.get_buffer("labels").to(dtype).repeat(len(inputs.text), 1)
        references = References()
        self.unet(inputs.reference.to(dtype), time, text, labels, references)
        references.is_recording = False
        return self.unet(latents.to(dtype), time, text, labels, references)


def guide(unconditional: Tensor, conditional: Tensor, scale: Tensor, rescale: Tensor) -> Tensor:
    """Classifier-free guidance of predictions [A, C, h, w].

    Args:
        scale: [], 1 for none.
        rescale: [], 0..1, how much of the conditional prediction's contrast is given back to each
            attribute [Lin et al. 2024, section 3.4].
    """
    guided = unconditional + scale * (conditional - unconditional)
    contrast = conditional.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True)
    return torch.lerp(guided, guided * contrast, rescale)
