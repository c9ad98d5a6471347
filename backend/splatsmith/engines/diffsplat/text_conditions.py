"""Prompts as each base model's denoiser takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ...conditioning.prompt_encoders import EncodedPrompts
from .base_models import BaseModel
from .denoisers import TextEmbeddings
from .networks import Networks

T5_WIDTH = 4096
TOKENS_WITHOUT_T5 = 77  # zeros in place of T5's, as many as in the published program


@dataclass(frozen=True)
class TextCondition:
    """The embeddings of `prompts`, [negative, positive] or [positive].

    notes: sentences for the user, about prompts that were cut.
    """

    prompts: tuple[str, ...]
    t5: bool
    embeddings: TextEmbeddings
    notes: tuple[str, ...]


def encode_prompts(
    prompts: tuple[str, ...], t5: bool, base_model: BaseModel, networks: Networks
) -> TextCondition:
    """Encode `prompts`, of which the last is the user's.

    Raises:
        WeightsMissing, WeightsDamaged: what the names say.
    """
    normalised = _normalise(prompts, base_model.network)
    encoded: list[EncodedPrompts] = []
    notes: dict[int, str] = {}
    for spec, encoder in networks.text_encoders(t5):
        with networks.offload.on_device(encoder):
            encoded.append(encoder(normalised))
        if words := encoder.tokenizer.last_words_kept(normalised[-1]):
            name = "T5" if spec.is_t5 else "CLIP"
            notes[spec.length] = (
                f'The prompt was cut after "{words}": {name} reads {spec.length} tokens.'
            )
    embeddings = _combine(base_model.network, encoded)
    return TextCondition(prompts, t5, embeddings, tuple(notes.values()))


def _normalise(prompts: Sequence[str], network: str) -> list[str]:
    """PixArt-Sigma was trained on lower case."""
    if network == "pixart":
        return [prompt.lower().strip() for prompt in prompts]
    return list(prompts)


def _combine(network: str, encoded: Sequence[EncodedPrompts]) -> TextEmbeddings:
    """The encoders' outputs as the denoiser called `network` takes them."""
    if network == "sd3":
        return _combine_sd3(encoded)
    (single,) = encoded
    return TextEmbeddings(single.tokens, single.mask.float() if network == "pixart" else None)


def _combine_sd3(encoded: Sequence[EncodedPrompts]) -> TextEmbeddings:
    """Both CLIPs' channels concatenated, padded to T5's width; then T5's tokens, or zeros."""
    clips = [each for each in encoded if each.pooled is not None]
    t5 = [each.tokens for each in encoded if each.pooled is None]
    clip = torch.cat([each.tokens for each in clips], -1)
    clip = F.pad(clip, (0, T5_WIDTH - clip.shape[-1]))
    t5_tokens = t5[0] if t5 else clip.new_zeros(len(clip), TOKENS_WITHOUT_T5, T5_WIDTH)
    pooled: list[Tensor] = [each.pooled for each in clips if each.pooled is not None]
    return TextEmbeddings(torch.cat([clip, t5_tokens], 1), pooled=torch.cat(pooled, -1))
