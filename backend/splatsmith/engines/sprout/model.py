"""Sprout's two networks: a denoiser of latents, and a decoder of latents to Gaussians.

An object is four views 90 degrees apart, each a grid of 8 x 8 latent tokens. The decoder turns
every token into 8 x 8 pixel-aligned Gaussians, 64 x 64 a view ("splat grids", DiffSplat, Lin et
al. 2025). The denoiser also regresses latents from a picture directly: at time 1, with zeros in
place of the noisy latents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...gaussians.gaussian_batch import GaussianBatch, pixel_rays
from ...nn.cuda_graphs import Denoiser, GraphInputs
from ...nn.efficientnet import EfficientNetLite
from ...nn.transformer import Block, ModulatedBlock, sinusoidal_embedding

VIEWS = 4
GRID = 8  # latent tokens along a view's side
TOKENS = VIEWS * GRID * GRID
CHANNELS = 16  # of a latent token
SPLATS_PER_SIDE = 64  # Gaussians along a view's side
PICTURE_SIZE = 128  # pixels along the framed picture's side
PATCH_SIZE = 8
FEATURE_CHANNELS = 112 + 320  # of EfficientNet-lite0's stages 5 and 7
TEXT_WIDTH = 384
TEXT_TOKENS = 16
FRAME_SIZE = 3
FRAME_EMBEDDING = 32  # sines and cosines for each number of a frame
MAX_FRAME_OFFSET, MIN_FRAME_LOG_SIDE = 0.25, -1.2  # the range seen in training

ELEVATION = 18.0  # degrees, of the four views
DISTANCE = 3.0
FOV = 40.0  # degrees


@dataclass(frozen=True)
class SproutConfig:
    """Sizes of the networks; the defaults are the shipped model's."""

    decoder_width: int = 384
    decoder_blocks: int = 3
    fine_width: int = 256
    fine_blocks: int = 2
    width: int = 448
    blocks: int = 8
    head_width: int = 64  # of attention


@dataclass(frozen=True)
class DenoiserInputs(GraphInputs):
    """The conditioning of B objects. Absent pictures are None; absent text is masked.

    text: [B, 17, 384], up to 16 tokens and, last, the pooled vector; text_mask: [B, 17],
        True = present.
    picture: [B, 4, 128, 128], RGB on white and alpha, -1..1, framed (see conditioning.framing).
    elevation: [B] degrees, of the picture's camera.
    frame: [B, 3], the square that the picture was cropped from, in the view of a camera at
        DISTANCE with FOV: its centre (x right, y down, -1..1 across the view) and the logarithm of
        its side (view = 1). Not finite, or outside the trained range = unknown.
    features: [B, 256, 432], `LatentDenoiser.image_features` of the picture, if precomputed.
    """

    text: Tensor
    text_mask: Tensor
    picture: Tensor | None = None
    elevation: Tensor | None = None
    frame: Tensor | None = None
    features: Tensor | None = None


class SplatDecoder(nn.Module):
    """Latents [B, 256, 16], normalised per channel, to 16,384 Gaussians."""

    latent_mean: Tensor
    latent_std: Tensor
    origins: Tensor
    rays: Tensor
    identity_quat: Tensor

    def __init__(self, config: SproutConfig) -> None:
        super().__init__()
        width, fine = config.decoder_width, config.fine_width
        self.register_buffer("latent_mean", torch.zeros(CHANNELS))
        self.register_buffer("latent_std", torch.ones(CHANNELS))
        self.input_proj = nn.Linear(CHANNELS, width)
        self.pos_embed = nn.Parameter(0.02 * torch.randn(TOKENS, width))
        self.blocks = nn.ModuleList(
            Block(width, width // config.head_width) for _ in range(config.decoder_blocks)
        )
        self.upsample = nn.Linear(width, 4 * fine)
        self.fine_pos_embed = nn.Parameter(0.02 * torch.randn(4 * TOKENS, fine))
        self.fine_blocks = nn.ModuleList(
            Block(fine, fine // config.head_width) for _ in range(config.fine_blocks)
        )
        self.norm = nn.LayerNorm(fine)
        self.head = nn.Linear(fine, 16 * 15)
        origins, rays = view_rays()
        self.register_buffer("origins", origins, persistent=False)
        self.register_buffer("rays", rays, persistent=False)
        self.register_buffer("identity_quat", torch.tensor([1.0, 0, 0, 0]), persistent=False)

    def forward(self, latents: Tensor) -> GaussianBatch:
        x = self.input_proj(latents * self.latent_std + self.latent_mean) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        x = shuffle_tokens(self.upsample(x), GRID, 2).flatten(1, 3) + self.fine_pos_embed
        for block in self.fine_blocks:
            x = block(x)
        return self._to_gaussians(shuffle_tokens(self.head(self.norm(x)), 2 * GRID, 4).float())

    def _to_gaussians(self, raw: Tensor) -> GaussianBatch:
        """raw [B, 4, 64, 64, 15] to Gaussians on, or slightly off, their pixels' rays."""
        depth, offset, color, opacity, scale, quat = raw.split((1, 3, 3, 1, 3, 4), -1)
        means = self.origins + self.rays * (DISTANCE + 1.15 * depth.tanh()) + 0.2 * offset.tanh()
        return GaussianBatch(
            means.flatten(1, 3),
            F.normalize(quat + self.identity_quat, dim=-1).flatten(1, 3),
            (0.02 * (2 * scale.tanh()).exp()).flatten(1, 3),
            (opacity[..., 0] - 1).sigmoid().flatten(1),
            (1.5 * color).sigmoid().flatten(1, 3),
        )


class LatentDenoiser(nn.Module):
    """One transformer over latent, text and picture tokens; predicts the clean latents."""

    def __init__(self, config: SproutConfig) -> None:
        super().__init__()
        width = config.width
        self.input_proj = nn.Linear(CHANNELS, width)
        self.pos_embed = nn.Parameter(0.02 * torch.randn(TOKENS, width))
        self.patch_embed = nn.Conv2d(4, width, PATCH_SIZE, PATCH_SIZE)
        self.patch_pos_embed = nn.Parameter(
            0.02 * torch.randn((PICTURE_SIZE // PATCH_SIZE) ** 2, width)
        )
        self.feature_extractor = EfficientNetLite()
        self.feature_norm = nn.LayerNorm(FEATURE_CHANNELS)
        self.feature_proj = nn.Linear(FEATURE_CHANNELS, width)
        self.elevation_proj = nn.Linear(64, width)
        self.frame_proj = nn.Linear(FRAME_SIZE * FRAME_EMBEDDING, width)
        self.text_proj = nn.Linear(TEXT_WIDTH, width)
        self.null_text = nn.Parameter(0.02 * torch.randn(TEXT_TOKENS + 1, width))
        self.pooled_text_proj = nn.Linear(TEXT_WIDTH, width)
        self.time_mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(
            ModulatedBlock(width, width // config.head_width) for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.output_proj = nn.Linear(width, CHANNELS)
        for zero_initialised in (self.output_proj, self.feature_proj, self.frame_proj):
            nn.init.zeros_(zero_initialised.weight)
            nn.init.zeros_(zero_initialised.bias)

    def forward(self, noisy: Tensor, time: Tensor, inputs: DenoiserInputs) -> Tensor:
        """noisy [B, 256, 16] at time [B] (1 = noise) to the estimate of the clean latents."""
        tokens = [self.input_proj(noisy) + self.pos_embed, *self._condition_tokens(inputs)]
        pooled = self.pooled_text_proj(inputs.text[:, -1]) * inputs.text_mask[:, -1:]
        embedding = self.time_mlp(sinusoidal_embedding(time, 256)) + pooled
        shared = self.modulation(F.silu(embedding)).unflatten(-1, (6, -1))
        x = torch.cat(tokens, 1)
        for block in self.blocks:
            x = block(x, shared)
        return self.output_proj(self.norm(x[:, :TOKENS])).float()

    def _condition_tokens(self, inputs: DenoiserInputs) -> list[Tensor]:
        text = torch.where(inputs.text_mask[..., None], self.text_proj(inputs.text), self.null_text)
        if inputs.picture is None or inputs.elevation is None:
            return [text]
        patches = self.patch_embed(inputs.picture).flatten(2).transpose(1, 2) + self.patch_pos_embed
        features = inputs.features
        if features is None:
            features = self.image_features(inputs.picture)
        patches = patches + self.feature_proj(self.feature_norm(features))
        camera = self.elevation_proj(sinusoidal_embedding(inputs.elevation / 90, 64, 50.0))
        if inputs.frame is not None:
            camera = camera + self._frame_embedding(inputs.frame)
        return [text, patches + camera[:, None]]

    def _frame_embedding(self, frame: Tensor) -> Tensor:
        """[B, W]; zero where the frame is unknown."""
        known = frame.isfinite().all(-1, keepdim=True) & (frame[:, 2:] >= MIN_FRAME_LOG_SIDE)
        known &= (frame[:, :2].abs() <= MAX_FRAME_OFFSET).all(-1, keepdim=True)
        values = torch.where(known, frame, 0).flatten()
        waves = sinusoidal_embedding(values, FRAME_EMBEDDING, 50.0)
        return self.frame_proj(waves.unflatten(0, frame.shape).flatten(1)) * known

    @torch.no_grad()
    def image_features(self, picture: Tensor) -> Tensor:
        """EfficientNet's features of each patch of pictures [B, 4, 128, 128]: [B, 256, 432]."""
        upscaled = F.interpolate(picture[:, :3] / 2 + 0.5, scale_factor=2.0, mode="bilinear")
        maps = self.feature_extractor(upscaled)
        parts = maps[4], F.interpolate(maps[6], scale_factor=2.0, mode="bilinear")
        return torch.cat(parts, 1).flatten(2).transpose(1, 2)

    def estimate(self, inputs: DenoiserInputs) -> Tensor:
        """See the function `estimate`."""
        return estimate(self, inputs)


def estimate(denoiser: Denoiser[DenoiserInputs], inputs: DenoiserInputs) -> Tensor:
    """The latents [B, 256, 16] regressed from a picture in one evaluation."""
    count, device = len(inputs.text), inputs.text.device
    zeros = torch.zeros(count, TOKENS, CHANNELS, device=device)
    return denoiser(zeros, torch.ones(count, device=device), inputs)


def shuffle_tokens(x: Tensor, grid: int, factor: int) -> Tensor:
    """Pixel shuffle: tokens [B, 4 g g, f f C] to finer grids [B, 4, g f, g f, C]."""
    x = x.unflatten(-1, (factor, factor, -1)).unflatten(1, (VIEWS, grid, grid))
    return x.permute(0, 1, 2, 4, 3, 5, 6).flatten(4, 5).flatten(2, 3)


def view_rays() -> tuple[Tensor, Tensor]:
    """Camera centres [4, 1, 1, 3] and rays of z-depth 1 [4, 64, 64, 3] of the four views."""
    tangent = math.tan(math.radians(FOV / 2))
    pixel = ((torch.arange(SPLATS_PER_SIDE) + 0.5) / SPLATS_PER_SIDE * 2 - 1) * tangent
    rotations = torch.stack([view_rotation(90.0 * view, ELEVATION) for view in range(VIEWS)])
    rays = pixel_rays(pixel.expand(VIEWS, -1), pixel.expand(VIEWS, -1), rotations.mT)
    return (-DISTANCE * rotations[:, 2])[:, None, None], rays


def view_rotation(azimuth: float, elevation: float) -> Tensor:
    """World-to-camera rotation [3, 3], OpenCV axes; degrees, azimuth 0 sees the front (+Z)."""
    a, e = math.radians(azimuth), math.radians(elevation)
    backward = torch.tensor([math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)])
    right = torch.tensor([math.cos(a), 0.0, -math.sin(a)])
    return torch.stack([right, torch.linalg.cross(right, backward), -backward])
