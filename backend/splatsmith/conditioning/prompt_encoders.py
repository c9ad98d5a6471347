"""Prompt encoders of image models: CLIP (Radford et al. 2021) and T5 (Raffel et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection
from transformers.models.clip.tokenization_clip import CLIPTokenizer
from transformers.models.t5.modeling_t5 import T5EncoderModel
from transformers.models.t5.tokenization_t5 import T5Tokenizer
from transformers.tokenization_utils_tokenizers import TokenizersBackend

from ..errors import WeightsDamaged
from .pretrained import REMEDY, EncoderFiles, load_pretrained

QUOTED_WORDS = 5  # before the place where a prompt is cut
_LENGTH_MULTIPLE = 32  # tokens; few distinct lengths, as each needs a CUDA graph of its own


@dataclass(frozen=True)
class EncodedPrompts:
    """Of B prompts.

    tokens: [B, L, D]; L is the encoder's length, or less where the rest is masked for all.
    pooled: [B, P], for encoders that have such a vector.
    mask: [B, L], 1 = a token of the prompt, 0 = padding.
    """

    tokens: Tensor
    mask: Tensor
    pooled: Tensor | None = None


class PromptTokenizer:
    """Truncates and pads prompts to `length` tokens; with `trim_padding`, only to a multiple of 32
    that holds the longest of them.
    """

    def __init__(
        self, tokenizer: TokenizersBackend, length: int, trim_padding: bool = False
    ) -> None:
        self.tokenizer = tokenizer
        self._length = length
        self._trim_padding = trim_padding

    def __call__(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids and mask, both [B, L]."""
        batch = self.tokenizer(
            list(prompts),
            padding="max_length",
            max_length=self._length,
            truncation=True,
            return_tensors="pt",
        )
        ids, mask = batch["input_ids"], batch["attention_mask"]
        if not self._trim_padding:
            return ids, mask
        longest = -(-int(mask.sum(dim=1).max()) // _LENGTH_MULTIPLE) * _LENGTH_MULTIPLE
        return ids[:, :longest], mask[:, :longest]

    def last_words_kept(self, prompt: str) -> str | None:
        """The words before the cut of a prompt that is too long; None if nothing is cut."""
        if len(self.tokenizer(prompt, verbose=False)["input_ids"]) <= self._length:
            return None
        ids = self.tokenizer(prompt, truncation=True, max_length=self._length)["input_ids"]
        text = str(self.tokenizer.decode(ids, skip_special_tokens=True))
        return " ".join(text.split()[-QUOTED_WORDS:])


class ClipEncoder(nn.Module):
    """The last hidden states; with `projected`, the penultimate ones and the projected vector."""

    def __init__(
        self, files: EncoderFiles, length: int, dtype: torch.dtype, projected: bool
    ) -> None:
        """Load from `files`.

        Raises:
            WeightsDamaged: they are of another network.
        """
        super().__init__()
        cls = CLIPTextModelWithProjection if projected else CLIPTextModel
        self._projected = projected
        self.tokenizer = PromptTokenizer(_load_tokenizer(CLIPTokenizer, files), length)
        self.network = load_pretrained(cls, files, dtype, "text encoder")

    def forward(self, prompts: Sequence[str]) -> EncodedPrompts:
        ids, mask = (each.to(self.network.device) for each in self.tokenizer(prompts))
        output = self.network(ids, output_hidden_states=self._projected)
        if self._projected:
            return EncodedPrompts(output.hidden_states[-2], mask, output.text_embeds)
        return EncodedPrompts(output.last_hidden_state, mask)


class T5Encoder(nn.Module):
    """The last hidden states; with `masked`, padding is not attended to and trimmed."""

    def __init__(self, files: EncoderFiles, length: int, dtype: torch.dtype, masked: bool) -> None:
        """Load from `files`.

        Raises:
            WeightsDamaged: they are of another network.
        """
        super().__init__()
        self._masked = masked
        tokenizer = _load_tokenizer(T5Tokenizer, files)
        self.tokenizer = PromptTokenizer(tokenizer, length, trim_padding=masked)
        self.network = load_pretrained(T5EncoderModel, files, dtype, "text encoder")

    def forward(self, prompts: Sequence[str]) -> EncodedPrompts:
        ids, mask = (each.to(self.network.device) for each in self.tokenizer(prompts))
        output = self.network(ids, attention_mask=mask if self._masked else None)
        return EncodedPrompts(output.last_hidden_state, mask)


def _load_tokenizer(cls: type[TokenizersBackend], files: EncoderFiles) -> TokenizersBackend:
    try:
        return cls.from_pretrained(files.folder, subfolder=files.tokenizer, local_files_only=True)
    except Exception as error:  # noqa: BLE001  tokenizers raises nothing more exact
        folder = files.folder / files.tokenizer
        raise WeightsDamaged(f"The vocabulary {folder} cannot be read.", REMEDY) from error
