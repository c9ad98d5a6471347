"""Encoded prompts in the denoiser's fixed length."""

from __future__ import annotations

import torch
from torch import Tensor

from ...conditioning.text_encoder import EncodedText
from .model import TEXT_TOKENS, TEXT_WIDTH


def pack_text(text: EncodedText) -> tuple[Tensor, Tensor]:
    """Tokens [17, 384], truncated or zero-padded, the pooled vector last; and their mask [17]."""
    count = min(len(text.tokens), TEXT_TOKENS)
    tokens = torch.zeros(TEXT_TOKENS + 1, TEXT_WIDTH, dtype=text.tokens.dtype)
    tokens[:count], tokens[-1] = text.tokens[:count], text.pooled
    mask = torch.arange(TEXT_TOKENS + 1) < count
    mask[-1] = True
    return tokens, mask
