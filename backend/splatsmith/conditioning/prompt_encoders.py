"""Prompts for image models: what CLIP (Radford et al. 2021) and T5 (Raffel et al. 2020) make of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from transformers.modeling_utils import PreTrainedModel
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection
from transformers.models.clip.tokenization_clip import CLIPTokenizer
from transformers.models.t5.modeling_t5 import T5EncoderModel
from transformers.models.t5.tokenization_t5 import T5Tokenizer
from transformers.tokenization_utils_tokenizers import TokenizersBackend
from transformers.utils.logging import disable_progress_bar

from ..errors import WeightsDamaged

Stock = TypeVar("Stock", bound=PreTrainedModel)

REMEDY = "Download it again, or import the checkpoint that belongs here."
WORDS_SHOWN = 5  # before the place where a prompt is cut
_PADDING = 32  # tokens: lengths that differ by less shall be one, for networks are recorded by them


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


@dataclass(frozen=True)
class EncoderFiles:
    """A base model's folder with the names of its parts.

    variant: stands in the weights' file name, as in `model.fp16.safetensors`.
    """

    folder: Path
    encoder: str
    tokenizer: str
    variant: str | None = None


class PromptTokenizer:
    """Cuts and pads prompts to `length` tokens, or with `short` to the longest of them, about."""

    def __init__(self, stock: TokenizersBackend, length: int, short: bool = False) -> None:
        self._stock = stock
        self._length = length
        self._short = short

    def __call__(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids and mask, both [B, L]."""
        found = self._stock(
            list(prompts),
            padding="max_length",
            max_length=self._length,
            truncation=True,
            return_tensors="pt",
        )
        ids, mask = found["input_ids"], found["attention_mask"]
        if not self._short:
            return ids, mask
        longest = -(-int(mask.sum(dim=1).max()) // _PADDING) * _PADDING
        return ids[:, :longest], mask[:, :longest]

    def last_words(self, prompt: str) -> str | None:
        """The last words that are read of a prompt that is too long; None if all of it is."""
        if len(self._stock(prompt, verbose=False)["input_ids"]) <= self._length:
            return None
        ids = self._stock(prompt, truncation=True, max_length=self._length)["input_ids"]
        text = str(self._stock.decode(ids, skip_special_tokens=True))
        return " ".join(text.split()[-WORDS_SHOWN:])


class ClipEncoder(nn.Module):
    """The last hidden states, or with `projected` the last but one and the projected vector."""

    def __init__(
        self, files: EncoderFiles, length: int, dtype: torch.dtype, projected: bool
    ) -> None:
        """Load from `files`.

        Raises:
            WeightsDamaged: they are of another network.
        """
        super().__init__()
        kind = CLIPTextModelWithProjection if projected else CLIPTextModel
        self._projected = projected
        self.tokenizer = PromptTokenizer(_load_tokenizer(CLIPTokenizer, files), length)
        self.stock = _load(kind, files, dtype)

    def forward(self, prompts: Sequence[str]) -> EncodedPrompts:
        ids, mask = self.tokenizer(prompts)
        ids, mask = ids.to(self.stock.device), mask.to(self.stock.device)
        answer = self.stock(ids, output_hidden_states=self._projected)
        if self._projected:
            return EncodedPrompts(answer.hidden_states[-2], mask, answer.text_embeds)
        return EncodedPrompts(answer.last_hidden_state, mask)


class T5Encoder(nn.Module):
    """The last hidden states; with `masked` the padding is not attended to, and so left out."""

    def __init__(self, files: EncoderFiles, length: int, dtype: torch.dtype, masked: bool) -> None:
        """Load from `files`.

        Raises:
            WeightsDamaged: they are of another network.
        """
        super().__init__()
        self._masked = masked
        self.tokenizer = PromptTokenizer(_load_tokenizer(T5Tokenizer, files), length, short=masked)
        self.stock = _load(T5EncoderModel, files, dtype)

    def forward(self, prompts: Sequence[str]) -> EncodedPrompts:
        ids, mask = (each.to(self.stock.device) for each in self.tokenizer(prompts))
        answer = self.stock(ids, attention_mask=mask if self._masked else None)
        return EncodedPrompts(answer.last_hidden_state, mask)


def _load_tokenizer(kind: type[TokenizersBackend], files: EncoderFiles) -> TokenizersBackend:
    try:
        return kind.from_pretrained(files.folder, subfolder=files.tokenizer, local_files_only=True)
    except Exception as error:  # noqa: BLE001  tokenizers raises nothing more exact
        place = files.folder / files.tokenizer
        raise WeightsDamaged(f"The vocabulary {place} cannot be read.", REMEDY) from error


def _load(kind: type[Stock], files: EncoderFiles, dtype: torch.dtype) -> Stock:
    """A network of transformers, on the CPU; what the files lack or have too much is an error."""
    place = files.folder / files.encoder
    disable_progress_bar()
    try:
        network, found = kind.from_pretrained(  # pyright: ignore[reportGeneralTypeIssues]
            files.folder,
            subfolder=files.encoder,
            variant=files.variant,
            dtype=dtype,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsDamaged(f"The text encoder {place} cannot be read.", REMEDY) from error
    if missing := sorted(found["missing_keys"]):
        raise WeightsDamaged(f"The text encoder {place} lacks {missing[0]}.", REMEDY)
    return network.eval().requires_grad_(False)
