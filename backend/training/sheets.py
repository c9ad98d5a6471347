"""Contact sheets to look at: estimates beside the truth, and samples of the prompts."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from splatsmith.diffusion.flow import guided, sample, sampling_times
from splatsmith.engines.sprout.model import (
    CHANNELS,
    TOKENS,
    Condition,
    LatentDenoiser,
    SplatDecoder,
)
from training.measures import Draw, front_samples, picture_condition, unseen_views, wordless
from training.texts import PROMPTS, TextBank
from training.views import ViewBank, on_white

Networks = tuple[LatentDenoiser, SplatDecoder]
GUIDANCE, STEPS = 2.5, 20
SHOWN = (0, 3, 7, 11, 20, 26)  # of the unseen views


@torch.inference_mode()
def estimate_sheet(
    bank: ViewBank, objects: Tensor, networks: Networks, draw: Draw, file: Path
) -> None:
    """One row an object: its picture, then each shown view true and estimated."""
    denoiser, decoder = networks
    fronts = front_samples(objects)
    condition = picture_condition(bank, fronts)
    target, azimuth, elevation = (part[:, list(SHOWN)] for part in unseen_views(bank, fronts))
    image, _ = draw(decoder(denoiser.estimate(condition)), azimuth, elevation)
    white = on_white(target)
    assert condition.picture is not None
    picture = (condition.picture[:, None, :3] + 1) / 2
    save_sheet(torch.cat([picture, torch.stack([white, image], 2).flatten(1, 2)], 1), file)


@torch.inference_mode()
def sample_from_text(
    networks: Networks,
    words: tuple[Tensor, Tensor],
    seeds: list[int],
    guidance: float = GUIDANCE,
    steps: int = STEPS,
) -> Tensor:
    """Latents [B, 256, 16] for B texts, as the engine makes them with these seeds."""
    denoiser, _ = networks
    told = Condition(*words)
    untold = Condition(*wordless(len(words[0]), words[0].device))
    randomness = [torch.Generator().manual_seed(seed) for seed in seeds]
    noise = torch.cat([torch.randn(1, TOKENS, CHANNELS, generator=g) for g in randomness])

    def predict(noisy: Tensor, time: Tensor) -> Tensor:
        return guided(denoiser(noisy, time, told), denoiser(noisy, time, untold), guidance)

    return sample(predict, noise.to(words[0].device), sampling_times(steps), lambda _: None)


@torch.inference_mode()
def prompt_sheet(
    texts: TextBank, networks: Networks, draw: Draw, guidance: float, file: Path
) -> None:
    """Two rows of ten prompts; of each three samples, each from two sides."""
    rows = torch.tensor(
        [texts.rows[prompt] for prompt in PROMPTS], device=texts.tokens.device
    ).repeat_interleave(3)
    words = texts.tokens[rows].float(), texts.mask[rows]
    seeds = list(range(3)) * len(PROMPTS)
    cloud = networks[1](sample_from_text(networks, words, seeds, guidance))
    azimuth = torch.tensor([30.0, 140.0], device=rows.device).expand(len(rows), 2)
    image, _ = draw(cloud, azimuth, torch.full_like(azimuth, 18.0))
    save_sheet(image.unflatten(0, (10, 6)).flatten(1, 2), file)


def save_sheet(images: Tensor, file: Path) -> None:
    """Images [R, C, 3, H, W] 0..1 as one picture of R rows."""
    sheet = images.clamp(0, 1).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    Image.fromarray((sheet * 255).round().byte().cpu().numpy()).save(file)
