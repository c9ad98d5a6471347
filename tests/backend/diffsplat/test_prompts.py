"""Prompts are encoded as by the base models' own pipelines in diffusers."""

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

from splatsmith.engines.diffsplat.base_models import BASE_MODELS, BaseModel
from splatsmith.engines.diffsplat.denoisers import TextEmbeddings
from splatsmith.engines.diffsplat.networks import Networks
from splatsmith.engines.diffsplat.text_conditions import encode_prompts
from splatsmith.nn.offload import Offload

PROMPT, NEGATIVE = "A Red chair, by the sea", "blue"


def read(base_model: BaseModel, t5: bool = False) -> tuple[TextEmbeddings, dict[str, object]]:
    """Both prompts' embeddings, and the same encoders for a diffusers pipeline."""
    networks = Networks(base_model, torch.float32, Offload("cpu", stays=True))
    parts: dict[str, object] = {}
    for spec, encoder in networks.text_encoders(t5):
        parts[spec.encoder] = encoder.network
        parts[spec.tokenizer] = encoder.tokenizer.tokenizer
    with torch.inference_mode():
        return encode_prompts((NEGATIVE, PROMPT), t5, base_model, networks).embeddings, parts


@torch.inference_mode()
def test_stable_diffusion(checkpoints: Path) -> None:
    text, parts = read(BASE_MODELS["sd15"])
    rest = dict.fromkeys(("vae", "unet", "scheduler", "safety_checker", "feature_extractor"))
    pipeline = StableDiffusionPipeline(**rest, **parts, requires_safety_checker=False)
    positive, negative = pipeline.encode_prompt(PROMPT, "cpu", 1, True, NEGATIVE)
    torch.testing.assert_close(text.tokens, torch.cat([negative, positive]))


@torch.inference_mode()
def test_pixart_sigma(checkpoints: Path) -> None:
    text, parts = read(BASE_MODELS["pixart-sigma"])
    pipeline = PixArtSigmaPipeline(**dict.fromkeys(("vae", "transformer", "scheduler")), **parts)
    positive, mask, negative, negative_mask = pipeline.encode_prompt(
        PROMPT, True, NEGATIVE, device=torch.device("cpu")
    )
    assert text.mask is not None
    masks, length = torch.cat([negative_mask, mask]), text.mask.shape[1]
    assert torch.equal(text.mask, masks[:, :length].float())
    assert not masks[:, length:].any(), "only padding is left out"
    assert length < masks.shape[1]
    is_token = text.mask > 0
    torch.testing.assert_close(
        text.tokens[is_token], torch.cat([negative, positive])[:, :length][is_token]
    )


@torch.inference_mode()
def test_trimmed_padding_changes_nothing(checkpoints: Path) -> None:
    base_model = BASE_MODELS["pixart-sigma"]
    networks = Networks(base_model, torch.float32, Offload("cpu", stays=True))
    denoiser, text = networks.denoiser(False), read(base_model)[0]
    assert text.mask is not None
    padding = base_model.text_encoders[0].length - text.mask.shape[1]
    padded = TextEmbeddings(
        F.pad(text.tokens, (0, 0, 0, padding), value=3.0), F.pad(text.mask, (0, padding))
    )
    size = denoiser.latent_size
    channels = denoiser.network.config["in_channels"]
    views = torch.randn(2 * denoiser.views, channels, size, size)
    outputs = [denoiser(views, torch.tensor(500.0), each) for each in (text, padded)]
    torch.testing.assert_close(*outputs)


@torch.inference_mode()
def test_stable_diffusion_3(checkpoints: Path) -> None:
    text, parts = read(BASE_MODELS["sd35-medium"], t5=True)
    pipeline = StableDiffusion3Pipeline(
        **dict.fromkeys(("vae", "transformer", "scheduler")), **parts
    )
    positive, negative, pooled, negative_pooled = pipeline.encode_prompt(
        PROMPT, PROMPT, PROMPT, torch.device("cpu"), negative_prompt=NEGATIVE
    )
    torch.testing.assert_close(text.tokens, torch.cat([negative, positive]))
    torch.testing.assert_close(text.pooled, torch.cat([negative_pooled, pooled]))


def test_without_t5_its_tokens_are_zeros(checkpoints: Path) -> None:
    without_t5, _ = read(BASE_MODELS["sd35-medium"])
    with_t5, _ = read(BASE_MODELS["sd35-medium"], t5=True)
    torch.testing.assert_close(without_t5.tokens[:, :77], with_t5.tokens[:, :77])
    assert without_t5.tokens.shape == (2, 77 + 77, 4096)
    assert not without_t5.tokens[:, 77:].any()
