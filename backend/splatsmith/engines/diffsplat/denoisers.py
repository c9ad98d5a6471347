"""DiffSplat's denoisers: the stock networks of three image models, seeing all views at once.

Self-attention runs over the tokens of all views of an object together; nothing else differs from
the base models but the number of input channels. All take

    sample [B V, C, h, w]   views of one object adjacent
    time   []               diffusion time, 0..1000, on the sample's device
    text   Text             of batch B, the same for all views

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

Stock = UNet2DConditionModel | PixArtTransformer2DModel | SD3Transformer2DModel


@dataclass(frozen=True)
class Text:
    """A prompt's features; `mask` (1 = a token) and `pooled` where the base model has them."""

    tokens: Tensor  # [B, L, D]
    mask: Tensor | None = None  # [B, L]
    pooled: Tensor | None = None  # [B, P]


@dataclass(frozen=True)
class Residuals:
    """What a ControlNet adds to the U-Net's features."""

    down: list[Tensor]
    middle: Tensor


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
    """One of the stock networks, for `views` views an object."""

    stock: Stock

    def __init__(self, stock: Stock, views: int) -> None:
        super().__init__()
        self.stock = stock
        self.views = views

    @property
    def latent_size(self) -> int:
        """Latents along a view's side."""
        return self.stock.config["sample_size"]

    @abstractmethod
    def forward(
        self, sample: Tensor, time: Tensor, text: Text, residuals: Residuals | None = None
    ) -> Tensor: ...


class MultiViewUNet(MultiViewDenoiser):
    """Of Stable Diffusion 1.5."""

    def forward(
        self, sample: Tensor, time: Tensor, text: Text, residuals: Residuals | None = None
    ) -> Tensor:
        return self.stock(
            sample,
            time,
            _per_view(text.tokens, sample),
            down_block_additional_residuals=residuals and residuals.down,
            mid_block_additional_residual=residuals and residuals.middle,
            return_dict=False,
        )[0]


class MultiViewPixArt(MultiViewDenoiser):
    """Of PixArt-Sigma; its learned variance is not used."""

    def forward(
        self, sample: Tensor, time: Tensor, text: Text, residuals: Residuals | None = None
    ) -> Tensor:
        return self.with_variance(sample, time, text).chunk(2, dim=1)[0]

    def with_variance(self, sample: Tensor, time: Tensor, text: Text) -> Tensor:
        """The network's whole answer [B V, 2 x latent channels, h, w]."""
        return self.stock(
            sample,
            _per_view(text.tokens, sample),
            timestep=time.expand(len(sample)),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            encoder_attention_mask=None if text.mask is None else _per_view(text.mask, sample),
            return_dict=False,
        )[0]


class MultiViewSD3(MultiViewDenoiser):
    """Of Stable Diffusion 3.5 medium: the views' tokens stand end to end, the text once."""

    def __init__(self, stock: SD3Transformer2DModel, views: int) -> None:
        super().__init__(stock, views)
        stock.pos_embed.register_forward_hook(
            lambda _module, _given, tokens: tokens.unflatten(0, (-1, views)).flatten(1, 2)
        )
        stock.proj_out.register_forward_hook(
            lambda _module, _given, tokens: tokens.unflatten(1, (views, -1)).flatten(0, 1)
        )

    def forward(
        self, sample: Tensor, time: Tensor, text: Text, residuals: Residuals | None = None
    ) -> Tensor:
        return self.stock(
            sample,
            encoder_hidden_states=text.tokens,
            pooled_projections=text.pooled,
            timestep=time.expand(len(text.tokens)),
            return_dict=False,
        )[0]


class MultiViewControlNet(nn.Module):
    """The U-Net's encoder once more, told of a picture; for the views' U-Net alone."""

    stock: ControlNetModel

    def __init__(self, stock: ControlNetModel, views: int) -> None:
        super().__init__()
        self.stock = stock
        self.views = views

    def forward(
        self,
        sample: Tensor,
        time: Tensor,
        text: Text,
        pictures: Tensor,
        strength: Tensor,
        guess: bool,
    ) -> Residuals:
        """pictures [B V, 3, H, W], 0..1; `guess` fades the residuals towards the outer layers."""
        down, middle = self.stock(
            sample,
            time,
            _per_view(text.tokens, sample),
            pictures,
            conditioning_scale=strength,
            guess_mode=guess,
            return_dict=False,
        )
        return Residuals(down, middle)


def build_unet(config: Config, views: int) -> MultiViewUNet:
    """From the published configuration or a stock one."""
    stock = from_config(UNet2DConditionModel, config)
    _join_views(stock, views)
    return MultiViewUNet(stock, views)


def build_pixart(config: Config, views: int) -> MultiViewPixArt:
    """From the published configuration or a stock one."""
    stock = from_config(PixArtTransformer2DModel, config)
    # The positions are computed and in no checkpoint: also of a network without data they are real.
    with torch.device("cpu"):
        positions = _pixart_positions(stock)
    stock.pos_embed.register_buffer("pos_embed", positions, persistent=False)
    _join_views(stock, views)
    return MultiViewPixArt(stock, views)


def build_sd3(config: Config, views: int) -> MultiViewSD3:
    """From the published configuration or a stock one."""
    return MultiViewSD3(from_config(SD3Transformer2DModel, config), views)


def build_control_net(
    unet: MultiViewUNet, embedding_channels: tuple[int, ...]
) -> MultiViewControlNet:
    """Of the U-Net's own shape: the published ControlNets' configuration is that of another
    network.
    """
    stock = from_config(
        ControlNetModel,
        unet.stock.config,
        conditioning_embedding_out_channels=embedding_channels,
    )
    _join_views(stock, unet.views)
    return MultiViewControlNet(stock, unet.views)


def trim_positions(denoiser: MultiViewDenoiser) -> None:
    """Keep of SD3's positions, made for pictures of any size, the middle ones that are used."""
    if not isinstance(denoiser.stock, SD3Transformer2DModel):
        return
    embed, size = denoiser.stock.pos_embed, denoiser.latent_size
    embed.pos_embed = embed.cropped_pos_embed(size, size).clone()
    embed.pos_embed_max_size = size // embed.patch_size


def _per_view(features: Tensor, sample: Tensor) -> Tensor:
    """[B, ...] to [B V, ...]; what is there for every view already stays."""
    return features.repeat_interleave(len(sample) // len(features), 0)


def _join_views(stock: Stock | ControlNetModel, views: int) -> None:
    joint = JointViewAttention(views)
    stock.set_attn_processor(
        {
            name: joint if name.endswith("attn1.processor") else processor
            for name, processor in stock.attn_processors.items()
        }
    )


def _pixart_positions(stock: PixArtTransformer2DModel) -> Tensor | None:
    config = stock.config
    embed = PatchEmbed(
        height=config["sample_size"],
        width=config["sample_size"],
        patch_size=config["patch_size"],
        in_channels=config["in_channels"],
        embed_dim=stock.inner_dim,
        interpolation_scale=config["interpolation_scale"],
    )
    return embed.pos_embed
