"""A prompt as each base model's denoiser wants it told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ...conditioning.prompt_encoders import EncodedPrompts
from .denoisers import Text
from .loaded_networks import Networks
from .variants import Family

T5_WIDTH = 4096
TOKENS_WITHOUT_T5 = 77  # zeros in place of T5's, as many as the published program had


@dataclass(frozen=True)
class Reading:
    """What was made of `prompts`; `notes` are sentences for the user."""

    prompts: tuple[str, ...]
    t5: bool
    text: Text
    notes: tuple[str, ...]


def clean_prompts(prompts: Sequence[str], network: str) -> list[str]:
    """PixArt-Sigma learned from prompts in small letters."""
    if network == "pixart":
        return [prompt.lower().strip() for prompt in prompts]
    return list(prompts)


def join_features(network: str, encoded: Sequence[EncodedPrompts]) -> Text:
    """The text for the denoiser called `network`."""
    if network == "sd3":
        return _join_sd3(encoded)
    (only,) = encoded
    return Text(only.tokens, only.mask.float() if network == "pixart" else None)


def read_prompts(prompts: tuple[str, ...], t5: bool, family: Family, networks: Networks) -> Reading:
    """The features of `prompts`, the last of which is the user's, and how far it was read.

    Raises:
        WeightsMissing, WeightsDamaged: what the names say.
    """
    cleaned = clean_prompts(prompts, family.network)
    encoded: list[EncodedPrompts] = []
    notes: dict[int, str] = {}
    for spec, encoder in networks.text_encoders(t5):
        with networks.residence.at_work(encoder):
            encoded.append(encoder(cleaned))
        if words := encoder.tokenizer.last_words_kept(cleaned[-1]):
            name = "T5" if spec.is_t5 else "CLIP"
            notes[spec.length] = (
                f'The prompt was cut after "{words}": {name} reads {spec.length} tokens.'
            )
    text = join_features(family.network, encoded)
    return Reading(prompts, t5, text, tuple(notes.values()))


def _join_sd3(encoded: Sequence[EncodedPrompts]) -> Text:
    """Both CLIPs' features side by side, padded to T5's width, then T5's tokens or zeros."""
    clips = [each for each in encoded if each.pooled is not None]
    t5 = [each.tokens for each in encoded if each.pooled is None]
    clip = torch.cat([each.tokens for each in clips], -1)
    clip = F.pad(clip, (0, T5_WIDTH - clip.shape[-1]))
    rest = t5[0] if t5 else clip.new_zeros(len(clip), TOKENS_WITHOUT_T5, T5_WIDTH)
    pooled: list[Tensor] = [each.pooled for each in clips if each.pooled is not None]
    return Text(torch.cat([clip, rest], 1), pooled=torch.cat(pooled, -1))
