"""Prompts reach the denoisers as the base models' own pipelines would hand them over."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportPrivateUsage=false
from __future__ import annotations

from pathlib import Path

import torch
from diffusers.pipelines.pixart_alpha.pipeline_pixart_sigma import PixArtSigmaPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import (
    StableDiffusion3Pipeline,
)
from torch.nn import functional as F

from splatsmith.engines.diffsplat.denoisers import Text
from splatsmith.engines.diffsplat.loaded_networks import Networks
from splatsmith.engines.diffsplat.offload import Residence
from splatsmith.engines.diffsplat.text_conditions import read_prompts
from splatsmith.engines.diffsplat.variants import FAMILIES, Family

PROMPT, NEGATIVE = "A Red chair, by the sea", "blue"


def read(family: Family, t5: bool = False) -> tuple[Text, dict[str, object]]:
    """What we make of both prompts, and the same encoders for the stock pipeline."""
    networks = Networks(family, torch.float32, Residence("cpu", stays=True))
    parts: dict[str, object] = {}
    for spec, encoder in networks.text_encoders(t5):
        parts[spec.encoder] = encoder.network
        parts[spec.tokenizer] = encoder.tokenizer.tokenizer
    with torch.inference_mode():
        return read_prompts((NEGATIVE, PROMPT), t5, family, networks).text, parts


@torch.inference_mode()
def test_stable_diffusion(checkpoints: Path) -> None:
    text, parts = read(FAMILIES["sd15"])
    rest = dict.fromkeys(("vae", "unet", "scheduler", "safety_checker", "feature_extractor"))
    stock = StableDiffusionPipeline(**rest, **parts, requires_safety_checker=False)
    told, untold = stock.encode_prompt(PROMPT, "cpu", 1, True, NEGATIVE)
    torch.testing.assert_close(text.tokens, torch.cat([untold, told]))


@torch.inference_mode()
def test_pixart_sigma(checkpoints: Path) -> None:
    text, parts = read(FAMILIES["pixart-sigma"])
    stock = PixArtSigmaPipeline(**dict.fromkeys(("vae", "transformer", "scheduler")), **parts)
    told, mask, untold, other_mask = stock.encode_prompt(
        PROMPT, True, NEGATIVE, device=torch.device("cpu")
    )
    assert text.mask is not None
    masks, length = torch.cat([other_mask, mask]), text.mask.shape[1]
    assert torch.equal(text.mask, masks[:, :length].float())
    assert not masks[:, length:].any(), "only padding is left out"
    assert length < masks.shape[1]
    seen = text.mask > 0
    torch.testing.assert_close(text.tokens[seen], torch.cat([untold, told])[:, :length][seen])


@torch.inference_mode()
def test_padding_that_is_left_out_changes_nothing(checkpoints: Path) -> None:
    family = FAMILIES["pixart-sigma"]
    networks = Networks(family, torch.float32, Residence("cpu", stays=True))
    denoiser, text = networks.denoiser(False), read(family)[0]
    assert text.mask is not None
    padding = family.text_encoders[0].length - text.mask.shape[1]
    whole = Text(F.pad(text.tokens, (0, 0, 0, padding), value=3.0), F.pad(text.mask, (0, padding)))
    size = denoiser.latent_size
    channels = denoiser.stock.config["in_channels"]
    views = torch.randn(2 * denoiser.views, channels, size, size)
    answers = [denoiser(views, torch.tensor(500.0), each) for each in (text, whole)]
    torch.testing.assert_close(*answers)


@torch.inference_mode()
def test_stable_diffusion_3(checkpoints: Path) -> None:
    text, parts = read(FAMILIES["sd35-medium"], t5=True)
    stock = StableDiffusion3Pipeline(**dict.fromkeys(("vae", "transformer", "scheduler")), **parts)
    told, untold, pooled, other_pooled = stock.encode_prompt(
        PROMPT, PROMPT, PROMPT, torch.device("cpu"), negative_prompt=NEGATIVE
    )
    torch.testing.assert_close(text.tokens, torch.cat([untold, told]))
    torch.testing.assert_close(text.pooled, torch.cat([other_pooled, pooled]))


def test_without_t5_zeros_stand_for_its_tokens(checkpoints: Path) -> None:
    plain, _ = read(FAMILIES["sd35-medium"])
    whole, _ = read(FAMILIES["sd35-medium"], t5=True)
    torch.testing.assert_close(plain.tokens[:, :77], whole.tokens[:, :77])
    assert plain.tokens.shape == (2, 77 + 77, 4096)
    assert not plain.tokens[:, 77:].any()
