"""Embed every caption variant ahead of training; sample texts of objects during training.

    python -m training.sprout.text_dataset OBJECTS TEXTS.npz

Tokens are stored as int8 with a scale each (relative error below half a percent).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatsmith.conditioning.text_encoder import EncodedText, TextEncoder
from splatsmith.engines.sprout.model import TEXT_TOKENS
from splatsmith.engines.sprout.prompt_tokens import pack_text
from training.captions import caption_variants, count_nouns, recolored_caption, text_sampling_weight
from training.objects import ObjectRecord, read_index
from training.sprout.recoloring import COLOR_NAMES

VALIDATION_PROMPTS = (
    "a wooden chair",
    "a wooden table",
    "a bed",
    "a gray sofa",
    "a lamp",
    "a tree",
    "a palm tree",
    "a house",
    "a stone tower",
    "a brown horse",
    "a fish",
    "a red car",
    "a wooden barrel",
    "a green bottle",
    "a sword",
    "a red mushroom",
    "a burger",
    "a gray rock",
    "a wooden door",
    "a wooden crate",
)
"""Rendered after training."""


@dataclass(frozen=True)
class TextDataset:
    """All embedded texts on the device, and which of them name which object."""

    tokens: Tensor  # [U, 17, 384] float16
    mask: Tensor  # [U, 17]
    variants: Tensor  # [O, V] rows of `tokens`
    probabilities: Tensor  # [O, V]
    weights: Tensor  # [O] sampling weights, see captions.text_sampling_weight
    recolored: Tensor  # [O, colors] rows of `tokens` that name that color, -1 = none
    rows: dict[str, int]

    def sample(
        self, objects: Tensor, keep_probability: float, color: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """A random text of each object: tokens [B, 17, 384] and mask [B, 17].

        The mask is cleared with probability 1 - keep_probability. Where `color` [B] is not -1, the
        text names that color.
        """
        column = torch.multinomial(self.probabilities[objects], 1)
        rows = self.variants[objects].gather(1, column)[:, 0]
        if color is not None:
            rows = torch.where(color < 0, rows, self.recolored[objects, color])
        kept = torch.rand(len(objects), 1, device=objects.device) < keep_probability
        return self.tokens[rows].float(), self.mask[rows] & kept


def embed(texts: list[str], file: Path) -> None:
    """Write the hidden states and pooled vectors of `texts`."""
    encoder = TextEncoder()
    encoded = [encoder.encode(text) for text in texts]
    tokens = torch.cat([text.tokens[:TEXT_TOKENS] for text in encoded])
    scales = tokens.abs().amax(1, keepdim=True) / 127
    np.savez(
        file,
        texts=json.dumps(texts),
        counts=[min(len(text.tokens), TEXT_TOKENS) for text in encoded],
        tokens=(tokens / scales).round().to(torch.int8).numpy(),
        scales=scales.half().numpy(),
        pooled=torch.stack([text.pooled for text in encoded]).half().numpy(),
    )


def load_texts(file: Path, records: list[ObjectRecord], device: str) -> TextDataset:
    with np.load(file) as arrays:
        texts: list[str] = json.loads(str(arrays["texts"]))
        hidden = torch.from_numpy(arrays["tokens"]).half() * torch.from_numpy(arrays["scales"])
        parts = hidden.split(arrays["counts"].tolist())
        encoded = [
            EncodedText(*pair)
            for pair in zip(parts, torch.from_numpy(arrays["pooled"]), strict=True)
        ]
    packed = [pack_text(text) for text in encoded]
    rows = {text: row for row, text in enumerate(texts)}
    variants, probabilities = _variant_table(records, rows)
    nouns = count_nouns(records)
    weights = torch.tensor([text_sampling_weight(record, nouns) for record in records])
    tokens, mask = (torch.stack(part) for part in zip(*packed, strict=True))
    captions = [
        [recolored_caption(record, nouns, color) for color in COLOR_NAMES] for record in records
    ]
    recolored = torch.tensor([[rows.get(text or "", -1) for text in texts] for texts in captions])
    parts = (tokens, mask, variants, probabilities, weights, recolored)
    return TextDataset(*(part.to(device) for part in parts), rows=rows)


def _variant_table(records: list[ObjectRecord], rows: dict[str, int]) -> tuple[Tensor, Tensor]:
    nouns = count_nouns(records)
    captions = [caption_variants(record, nouns) for record in records]
    width = max(map(len, captions))
    variants, probabilities = (
        torch.zeros(len(records), width, dtype=torch.long),
        torch.zeros(len(records), width),
    )
    for index, texts in enumerate(captions):
        variants[index, : len(texts)] = torch.tensor([rows[text] for text in texts])
        probabilities[index, : len(texts)] = torch.tensor(list(texts.values()))
    return variants, probabilities


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("texts", type=Path)
    arguments = parser.parse_args()
    records = read_index(arguments.objects)
    nouns = count_nouns(records)
    unique = {text for record in records for text in caption_variants(record, nouns)} | set(
        VALIDATION_PROMPTS
    )
    recolored = {
        recolored_caption(record, nouns, color) for record in records for color in COLOR_NAMES
    }
    embed(sorted(unique | {text for text in recolored if text}), arguments.texts)


if __name__ == "__main__":
    main()
