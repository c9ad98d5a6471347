"""The class label nearest to a prompt, for engines that take a class and no text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from torch import Tensor

from .text_encoder import TextEncoder


def nearest_class_label(prompt: str, labels: Sequence[str]) -> str:
    """The label whose sentence embedding has the greatest cosine similarity to the prompt's.

    Encoding a thousand labels takes seconds on a CPU, once in a process.

    Raises:
        WeightsMissing, WeightsDamaged: of the text encoder.
    """
    similarities = _embeddings(tuple(labels)) @ _encoder().encode(prompt).pooled
    return labels[int(similarities.argmax())]


@lru_cache(maxsize=1)
def _encoder() -> TextEncoder:
    return TextEncoder()


@lru_cache(maxsize=4)
def _embeddings(labels: tuple[str, ...]) -> Tensor:
    """Unit vectors [N, 384]."""
    return _encoder().embed(labels)
