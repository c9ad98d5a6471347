"""Sprout's two networks: a denoiser of latents, and a decoder of latents to Gaussians.

An object is four views 90 degrees apart, each a grid of 8 x 8 latent tokens. The decoder turns
every token into 8 x 8 pixel-aligned Gaussians, 64 x 64 a view ("splat grids", DiffSplat, Lin et
al. 2025).
The same denoiser gives a direct estimate from a picture: at time 1 with zeros in place of noise.
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
CHANNELS = 16
SPLATS = 64  # Gaussians along a view's side
PICTURE = 128  # pixels along the framed picture's side
PATCH = 8
FEATURES = 112 + 320  # channels of the two maps of EfficientNet-lite0 that a patch is told
TEXT_WIDTH = 384
TEXT_TOKENS = 16
FRAME = 3
"""Where a framed picture was cut out of the view that a camera at DISTANCE has of the whole: the
cut-out's middle (x to the right, y down, -1..1 over the view) and the logarithm of its side (view =
1)."""
FRAME_WAVES = 32
OFF_CENTRE, SMALLEST = 0.25, -1.2  # a frame's middle at most, its side at least: as in training

ELEVATION = 18.0  # degrees, of the four views
DISTANCE = 3.0
FOV = 40.0  # degrees


@dataclass(frozen=True)
class Shape:
    """Sizes of the networks; the defaults are the shipped model's."""

    decoder_width: int = 384
    decoder_blocks: int = 3
    fine_width: int = 256
    fine_blocks: int = 2
    width: int = 448
    blocks: int = 8
    head: int = 64  # width of an attention head


@dataclass(frozen=True)
class Condition(GraphInputs):
    """What the denoiser is told. A missing picture is None; missing text has a mask of zeros."""

    text: Tensor  # [B, 17, 384]: up to 16 tokens and, last, the pooled vector
    text_mask: Tensor  # [B, 17], True = present
    picture: Tensor | None = None  # [B, 4, 128, 128]: RGB on white and alpha, -1..1
    elevation: Tensor | None = None  # [B], degrees, of the picture
    frame: Tensor | None = None  # [B, 3], see FRAME; not finite, or unlike training's = not told
    features: Tensor | None = None  # [B, 256, 432]: `look` at the picture, to do it only once


class SplatDecoder(nn.Module):
    """Latents [B, 256, 16], normalised per channel, to 16,384 Gaussians."""

    latent_mean: Tensor
    latent_std: Tensor
    origins: Tensor
    rays: Tensor
    upright: Tensor  # no turn, as a quaternion

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        wide, fine = shape.decoder_width, shape.fine_width
        self.register_buffer("latent_mean", torch.zeros(CHANNELS))
        self.register_buffer("latent_std", torch.ones(CHANNELS))
        self.enter = nn.Linear(CHANNELS, wide)
        self.places = nn.Parameter(0.02 * torch.randn(TOKENS, wide))
        self.blocks = nn.ModuleList(
            Block(wide, wide // shape.head) for _ in range(shape.decoder_blocks)
        )
        self.split = nn.Linear(wide, 4 * fine)
        self.fine_places = nn.Parameter(0.02 * torch.randn(4 * TOKENS, fine))
        self.fine_blocks = nn.ModuleList(
            Block(fine, fine // shape.head) for _ in range(shape.fine_blocks)
        )
        self.norm = nn.LayerNorm(fine)
        self.head = nn.Linear(fine, 16 * 15)
        origins, rays = view_rays()
        self.register_buffer("origins", origins, persistent=False)
        self.register_buffer("rays", rays, persistent=False)
        self.register_buffer("upright", torch.tensor([1.0, 0, 0, 0]), persistent=False)

    def forward(self, latents: Tensor) -> GaussianBatch:
        x = self.enter(latents * self.latent_std + self.latent_mean) + self.places
        for block in self.blocks:
            x = block(x)
        x = unfold_tokens(self.split(x), GRID, 2).flatten(1, 3) + self.fine_places
        for block in self.fine_blocks:
            x = block(x)
        return self._gaussians(unfold_tokens(self.head(self.norm(x)), 2 * GRID, 4).float())

    def _gaussians(self, raw: Tensor) -> GaussianBatch:
        """raw [B, 4, 64, 64, 15] to Gaussians on, or a little off, their pixels' rays."""
        depth, offset, color, opacity, scale, quat = raw.split((1, 3, 3, 1, 3, 4), -1)
        means = self.origins + self.rays * (DISTANCE + 1.15 * depth.tanh()) + 0.2 * offset.tanh()
        return GaussianBatch(
            means.flatten(1, 3),
            F.normalize(quat + self.upright, dim=-1).flatten(1, 3),
            (0.02 * (2 * scale.tanh()).exp()).flatten(1, 3),
            (opacity[..., 0] - 1).sigmoid().flatten(1),
            (1.5 * color).sigmoid().flatten(1, 3),
        )


class LatentDenoiser(nn.Module):
    """One transformer over latent, picture and text tokens; predicts the clean latents."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.enter = nn.Linear(CHANNELS, width)
        self.places = nn.Parameter(0.02 * torch.randn(TOKENS, width))
        self.picture = nn.Conv2d(4, width, PATCH, PATCH)
        self.picture_places = nn.Parameter(0.02 * torch.randn((PICTURE // PATCH) ** 2, width))
        self.features = EfficientNetLite()
        self.features_norm = nn.LayerNorm(FEATURES)
        self.features_enter = nn.Linear(FEATURES, width)
        self.elevation = nn.Linear(64, width)
        self.frame = nn.Linear(FRAME * FRAME_WAVES, width)
        self.text = nn.Linear(TEXT_WIDTH, width)
        self.no_text = nn.Parameter(0.02 * torch.randn(TEXT_TOKENS + 1, width))
        self.pooled = nn.Linear(TEXT_WIDTH, width)
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(
            ModulatedBlock(width, width // shape.head) for _ in range(shape.blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, CHANNELS)
        for last in (self.leave, self.features_enter, self.frame):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, noisy: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """noisy [B, 256, 16] at time [B] (1 = noise) to the estimate of the clean latents."""
        tokens = [self.enter(noisy) + self.places, *self._told(condition)]
        pooled = self.pooled(condition.text[:, -1]) * condition.text_mask[:, -1:]
        shared = self.modulation(
            F.silu(self.time(sinusoidal_embedding(time, 256)) + pooled)
        ).unflatten(-1, (6, -1))
        x = torch.cat(tokens, 1)
        for block in self.blocks:
            x = block(x, shared)
        return self.leave(self.norm(x[:, :TOKENS])).float()

    def _told(self, condition: Condition) -> list[Tensor]:
        text = torch.where(condition.text_mask[..., None], self.text(condition.text), self.no_text)
        if condition.picture is None or condition.elevation is None:
            return [text]
        patches = self.picture(condition.picture).flatten(2).transpose(1, 2) + self.picture_places
        found = self.look(condition.picture) if condition.features is None else condition.features
        patches = patches + self.features_enter(self.features_norm(found))
        height = self.elevation(sinusoidal_embedding(condition.elevation / 90, 64, 50.0))
        if condition.frame is not None:
            height = height + self._framed(condition.frame)
        return [text, patches + height[:, None]]

    def _framed(self, frame: Tensor) -> Tensor:
        known = frame.isfinite().all(-1, keepdim=True) & (frame[:, 2:] >= SMALLEST)
        known &= (frame[:, :2].abs() <= OFF_CENTRE).all(-1, keepdim=True)
        waves = sinusoidal_embedding(torch.where(known, frame, 0).flatten(), FRAME_WAVES, 50.0)
        return self.frame(waves.unflatten(0, frame.shape).flatten(1)) * known

    @torch.no_grad()
    def look(self, picture: Tensor) -> Tensor:
        """What a classifier of photographs sees in each patch of a picture, [B, 256, 432]."""
        large = F.interpolate(picture[:, :3] / 2 + 0.5, scale_factor=2.0, mode="bilinear")
        maps = self.features(large)
        parts = maps[4], F.interpolate(maps[6], scale_factor=2.0, mode="bilinear")
        return torch.cat(parts, 1).flatten(2).transpose(1, 2)

    def estimate(self, condition: Condition) -> Tensor:
        """The direct estimate of the latents [B, 256, 16] from a picture, in one evaluation."""
        return estimate(self, condition)


def estimate(denoiser: Denoiser[Condition], condition: Condition) -> Tensor:
    """The direct estimate of the latents [B, 256, 16] from a picture, in one evaluation."""
    count, device = len(condition.text), condition.text.device
    nothing = torch.zeros(count, TOKENS, CHANNELS, device=device)
    return denoiser(nothing, torch.ones(count, device=device), condition)


def unfold_tokens(x: Tensor, grid: int, factor: int) -> Tensor:
    """Tokens [B, 4 g g, f f C] to finer grids [B, 4, g f, g f, C]."""
    x = x.unflatten(-1, (factor, factor, -1)).unflatten(1, (VIEWS, grid, grid))
    return x.permute(0, 1, 2, 4, 3, 5, 6).flatten(4, 5).flatten(2, 3)


def view_rays() -> tuple[Tensor, Tensor]:
    """Camera centres [4, 1, 1, 3] and rays [4, 64, 64, 3] of depth 1 of the four views."""
    tangent = math.tan(math.radians(FOV / 2))
    pixel = ((torch.arange(SPLATS) + 0.5) / SPLATS * 2 - 1) * tangent
    rotations = torch.stack([view_rotation(90.0 * view, ELEVATION) for view in range(VIEWS)])
    rays = pixel_rays(pixel.expand(VIEWS, -1), pixel.expand(VIEWS, -1), rotations.mT)
    return (-DISTANCE * rotations[:, 2])[:, None, None], rays


def view_rotation(azimuth: float, elevation: float) -> Tensor:
    """World-to-camera rotation [3, 3], OpenCV axes; degrees, azimuth 0 sees the front (+Z)."""
    a, e = math.radians(azimuth), math.radians(elevation)
    backward = torch.tensor([math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)])
    right = torch.tensor([math.cos(a), 0.0, -math.sin(a)])
    return torch.stack([right, torch.linalg.cross(right, backward), -backward])
