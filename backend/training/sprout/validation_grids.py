"""Image grids that training writes: estimates beside the true views, and samples of prompts."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from splatsmith.engines.sprout.model import DenoiserInputs, LatentDenoiser
from splatsmith.engines.sprout.text_sampling import initial_noise, sample_from_text
from training.image_metrics import RenderFunction
from training.sprout.text_dataset import VALIDATION_PROMPTS, TextDataset
from training.sprout.validation import (
    Networks,
    picture_inputs,
    unseen_views,
    validation_samples,
)
from training.view_dataset import ViewDataset, on_white

GUIDANCE, STEPS = 3.0, 20
SHOWN_VIEWS = (0, 3, 7, 11, 20, 26)  # of the unseen ones


@torch.inference_mode()
def save_estimate_grid(
    dataset: ViewDataset, objects: Tensor, networks: Networks, render: RenderFunction, file: Path
) -> None:
    """One row per object: its picture, then true and estimated views in turn."""
    denoiser, decoder = networks
    sample = validation_samples(objects)
    inputs = picture_inputs(dataset, sample)
    views = unseen_views(dataset, sample)
    target, azimuth, elevation = (part[:, list(SHOWN_VIEWS)] for part in views)
    image, _ = render(decoder(denoiser.estimate(inputs)), azimuth, elevation)
    assert inputs.picture is not None
    picture = (inputs.picture[:, None, :3] + 1) / 2
    pairs = torch.stack([on_white(target), image], 2).flatten(1, 2)
    save_grid(torch.cat([picture, pairs], 1), file)


def sample_latents(
    denoiser: LatentDenoiser,
    text: tuple[Tensor, Tensor],
    seeds: list[int],
    guidance: float = GUIDANCE,
    steps: int = STEPS,
) -> Tensor:
    """Latents [B, 256, 16] of B texts (tokens, mask), as the engine samples them."""
    noise = torch.cat([initial_noise(seed) for seed in seeds]).to(text[0].device)
    return sample_from_text(denoiser, DenoiserInputs(*text), noise, steps, guidance, lambda _: None)


@torch.inference_mode()
def save_prompt_grid(
    texts: TextDataset, networks: Networks, render: RenderFunction, guidance: float, file: Path
) -> None:
    """Two prompts per row; of each three samples from two azimuths."""
    device = texts.tokens.device
    prompts = torch.tensor([texts.rows[prompt] for prompt in VALIDATION_PROMPTS], device=device)
    rows = prompts.repeat_interleave(3)
    seeds = list(range(3)) * len(VALIDATION_PROMPTS)
    text = texts.tokens[rows].float(), texts.mask[rows]
    cloud = networks[1](sample_latents(networks[0], text, seeds, guidance))
    azimuth = torch.tensor([30.0, 140.0], device=device).expand(len(rows), 2)
    image, _ = render(cloud, azimuth, torch.full_like(azimuth, 18.0))
    save_grid(image.unflatten(0, (10, 6)).flatten(1, 2), file)


def save_grid(images: Tensor, file: Path) -> None:
    """Write images [R, C, 3, H, W] 0..1 as one image of R rows."""
    grid = images.clamp(0, 1).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    Image.fromarray((grid * 255).round().byte().cpu().numpy()).save(file)
