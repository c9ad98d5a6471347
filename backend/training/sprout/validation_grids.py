"""Contact sheets to look at: estimates beside the truth, and samples of the prompts."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from splatsmith.engines.sprout.model import DenoiserInputs, LatentDenoiser, SplatDecoder
from splatsmith.engines.sprout.text_sampling import initial_noise, sample_from_text
from training.sprout.text_dataset import VALIDATION_PROMPTS, TextDataset
from training.sprout.validation import (
    RenderFunction,
    picture_inputs,
    unseen_views,
    validation_samples,
)
from training.view_dataset import ViewDataset, on_white

Networks = tuple[LatentDenoiser, SplatDecoder]
GUIDANCE, STEPS = 3.0, 20
SHOWN = (0, 3, 7, 11, 20, 26)  # of the unseen views


@torch.inference_mode()
def save_estimate_grid(
    dataset: ViewDataset, objects: Tensor, networks: Networks, render: RenderFunction, file: Path
) -> None:
    """One row an object: its picture, then each shown view true and estimated."""
    denoiser, decoder = networks
    fronts = validation_samples(objects)
    condition = picture_inputs(dataset, fronts)
    target, azimuth, elevation = (part[:, list(SHOWN)] for part in unseen_views(dataset, fronts))
    image, _ = render(decoder(denoiser.estimate(condition)), azimuth, elevation)
    white = on_white(target)
    assert condition.picture is not None
    picture = (condition.picture[:, None, :3] + 1) / 2
    save_grid(torch.cat([picture, torch.stack([white, image], 2).flatten(1, 2)], 1), file)


def sample_latents(
    denoiser: LatentDenoiser,
    words: tuple[Tensor, Tensor],
    seeds: list[int],
    guidance: float = GUIDANCE,
    steps: int = STEPS,
) -> Tensor:
    """Latents [B, 256, 16] for B texts, as the engine makes them with these seeds."""
    noise = torch.cat([initial_noise(seed) for seed in seeds]).to(words[0].device)
    inputs = DenoiserInputs(*words)
    return sample_from_text(denoiser, inputs, noise, steps, guidance, lambda _: None)


@torch.inference_mode()
def save_prompt_grid(
    texts: TextDataset, networks: Networks, render: RenderFunction, guidance: float, file: Path
) -> None:
    """Two rows of ten prompts; of each three samples, each from two sides."""
    rows = torch.tensor(
        [texts.rows[prompt] for prompt in VALIDATION_PROMPTS], device=texts.tokens.device
    ).repeat_interleave(3)
    words = texts.tokens[rows].float(), texts.mask[rows]
    seeds = list(range(3)) * len(VALIDATION_PROMPTS)
    cloud = networks[1](sample_latents(networks[0], words, seeds, guidance))
    azimuth = torch.tensor([30.0, 140.0], device=rows.device).expand(len(rows), 2)
    image, _ = render(cloud, azimuth, torch.full_like(azimuth, 18.0))
    save_grid(image.unflatten(0, (10, 6)).flatten(1, 2), file)


def save_grid(images: Tensor, file: Path) -> None:
    """Images [R, C, 3, H, W] 0..1 as one picture of R rows."""
    sheet = images.clamp(0, 1).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    Image.fromarray((sheet * 255).round().byte().cpu().numpy()).save(file)
