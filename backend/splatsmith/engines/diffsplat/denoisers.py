"""DiffSplat's denoisers: the networks of three image models, applied to all views jointly.

Self-attention runs over the tokens of all views of an object; besides it only the number of input
channels differs from the base models. All take

    sample [B V, C, h, w]     views of one object adjacent
    time   []                 diffusion timestep, 0..1000, on the sample's device
    text   TextEmbeddings     of batch B, the same for all views

and return their prediction [B V, latent channels, h, w].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.embeddings import PatchEmbed
from diffusers.models.transformers.pixart_transformer_2d import PixArtTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from ...nn.diffusers_config import Config, from_config

BaseNetwork = UNet2DConditionModel | PixArtTransformer2DModel | SD3Transformer2DModel


@dataclass(frozen=True)
class TextEmbeddings:
    """Encoded prompts; `mask` (1 = a token) and `pooled` where the base model has them."""

    tokens: Tensor  # [B, L, D]
    mask: Tensor | None = None  # [B, L]
    pooled: Tensor | None = None  # [B, P]


@dataclass(frozen=True)
class Residuals:
    """A ControlNet's additions to the U-Net's features."""

    down: list[Tensor]
    mid: Tensor


class JointViewAttention(AttnProcessor2_0):
    """Self-attention of [B V, N, D] over all V N tokens of an object."""

    def __init__(self, views: int) -> None:
        super().__init__()
        self._views = views

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        joint = hidden_states.unflatten(0, (-1, self._views)).flatten(1, 2)
        mixed = super().__call__(attn, joint, encoder_hidden_states, attention_mask, temb)
        return mixed.unflatten(1, (self._views, -1)).flatten(0, 1)


class MultiViewDenoiser(nn.Module, ABC):
    """A base model's network, for `views` views an object."""

    network: BaseNetwork

    def __init__(self, network: BaseNetwork, views: int) -> None:
        super().__init__()
        self.network = network
        self.views = views

    @property
    def latent_size(self) -> int:
        """Latents along a view's side."""
        return self.network.config["sample_size"]

    @abstractmethod
    def forward(
        self, sample: Tensor, time: Tensor, text: TextEmbeddings, residuals: Residuals | None = None
    ) -> Tensor: ...


class MultiViewUNet(MultiViewDenoiser):
    """Of Stable Diffusion 1.5."""

    def forward(
        self, sample: Tensor, time: Tensor, text: TextEmbeddings, residuals: Residuals | None = None
    ) -> Tensor:
        return self.network(
            sample,
            time,
            _per_view(text.tokens, sample),
            down_block_additional_residuals=residuals and residuals.down,
            mid_block_additional_residual=residuals and residuals.mid,
            return_dict=False,
        )[0]


class MultiViewPixArt(MultiViewDenoiser):
    """Of PixArt-Sigma; its predicted variance is discarded."""

    def forward(
        self, sample: Tensor, time: Tensor, text: TextEmbeddings, residuals: Residuals | None = None
    ) -> Tensor:
        return self.with_variance(sample, time, text).chunk(2, dim=1)[0]

    def with_variance(self, sample: Tensor, time: Tensor, text: TextEmbeddings) -> Tensor:
        """Prediction and variance [B V, 2 x latent channels, h, w]."""
        return self.network(
            sample,
            _per_view(text.tokens, sample),
            timestep=time.expand(len(sample)),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            encoder_attention_mask=None if text.mask is None else _per_view(text.mask, sample),
            return_dict=False,
        )[0]


class MultiViewSD3(MultiViewDenoiser):
    """Of Stable Diffusion 3.5 medium: the views' tokens are concatenated, the text occurs once."""

    def __init__(self, network: SD3Transformer2DModel, views: int) -> None:
        super().__init__(network, views)
        network.pos_embed.register_forward_hook(
            lambda _module, _args, tokens: tokens.unflatten(0, (-1, views)).flatten(1, 2)
        )
        network.proj_out.register_forward_hook(
            lambda _module, _args, tokens: tokens.unflatten(1, (views, -1)).flatten(0, 1)
        )

    def forward(
        self, sample: Tensor, time: Tensor, text: TextEmbeddings, residuals: Residuals | None = None
    ) -> Tensor:
        return self.network(
            sample,
            encoder_hidden_states=text.tokens,
            pooled_projections=text.pooled,
            timestep=time.expand(len(text.tokens)),
            return_dict=False,
        )[0]


class MultiViewControlNet(nn.Module):
    """A ControlNet (Zhang et al. 2023) for the multi-view U-Net."""

    network: ControlNetModel

    def __init__(self, network: ControlNetModel, views: int) -> None:
        super().__init__()
        self.network = network
        self.views = views

    def forward(
        self,
        sample: Tensor,
        time: Tensor,
        text: TextEmbeddings,
        control_images: Tensor,
        strength: Tensor,
        guess_mode: bool,
    ) -> Residuals:
        """control_images [B V, 3, H, W], 0..1; `guess_mode` attenuates the shallow residuals."""
        down, mid = self.network(
            sample,
            time,
            _per_view(text.tokens, sample),
            control_images,
            conditioning_scale=strength,
            guess_mode=guess_mode,
            return_dict=False,
        )
        return Residuals(down, mid)


def build_unet(config: Config, views: int) -> MultiViewUNet:
    """From DiffSplat's or diffusers' configuration."""
    network = from_config(UNet2DConditionModel, config)
    _use_joint_attention(network, views)
    return MultiViewUNet(network, views)


def build_pixart(config: Config, views: int) -> MultiViewPixArt:
    """From DiffSplat's or diffusers' configuration."""
    network = from_config(PixArtTransformer2DModel, config)
    # Computed and in no checkpoint: real values even when the network is built on "meta".
    with torch.device("cpu"):
        pos_embed = _pixart_pos_embed(network)
    network.pos_embed.register_buffer("pos_embed", pos_embed, persistent=False)
    _use_joint_attention(network, views)
    return MultiViewPixArt(network, views)


def build_sd3(config: Config, views: int) -> MultiViewSD3:
    """From DiffSplat's or diffusers' configuration."""
    return MultiViewSD3(from_config(SD3Transformer2DModel, config), views)


def build_control_net(
    unet: MultiViewUNet, embedding_channels: tuple[int, ...]
) -> MultiViewControlNet:
    """With the U-Net's sizes: the published ControlNets' configuration is another network's."""
    network = from_config(
        ControlNetModel,
        unet.network.config,
        conditioning_embedding_out_channels=embedding_channels,
    )
    _use_joint_attention(network, unet.views)
    return MultiViewControlNet(network, unet.views)


def crop_pos_embed(denoiser: MultiViewDenoiser) -> None:
    """Reduce SD3's position embedding, made for images of any size, to the centre in use."""
    if not isinstance(denoiser.network, SD3Transformer2DModel):
        return
    embed, size = denoiser.network.pos_embed, denoiser.latent_size
    embed.pos_embed = embed.cropped_pos_embed(size, size).clone()
    embed.pos_embed_max_size = size // embed.patch_size


def _per_view(features: Tensor, sample: Tensor) -> Tensor:
    """[B, ...] to [B V, ...]; unchanged if it has that batch size already."""
    return features.repeat_interleave(len(sample) // len(features), 0)


def _use_joint_attention(network: BaseNetwork | ControlNetModel, views: int) -> None:
    joint = JointViewAttention(views)
    network.set_attn_processor(
        {
            name: joint if name.endswith("attn1.processor") else processor
            for name, processor in network.attn_processors.items()
        }
    )


def _pixart_pos_embed(network: PixArtTransformer2DModel) -> Tensor | None:
    config = network.config
    embed = PatchEmbed(
        height=config["sample_size"],
        width=config["sample_size"],
        patch_size=config["patch_size"],
        in_channels=config["in_channels"],
        embed_dim=network.inner_dim,
        interpolation_scale=config["interpolation_scale"],
    )
    return embed.pos_embed
