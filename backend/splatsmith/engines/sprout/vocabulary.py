"""The training objects' nouns, their embeddings and their synonyms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...contract.cards import Checkpoint, CheckpointFile
from ...contract.licences import Licence
from ...errors import WeightsDamaged
from .checkpoint import REMEDY
from .prompt_words import singulars

NOUNS = Checkpoint(
    id="sprout-nouns",
    title="Sprout's nouns",
    files=(
        CheckpointFile(
            "weights/nouns.safetensors",
            553_864,
            "da0b27782c6de3656271b3a2a03d1150b5e24ebfc1b3d0cfef386a56851c409a",
        ),
    ),
    licence=Licence("CC0-1.0 and WordNet-3.0; see ATTRIBUTION.md beside it"),
)
KNOWN_SIMILARITY = 0.66  # cosine with the nearest noun above which a word counts as known
NOUN_SIMILARITY = 0.5  # cosine from which on one noun may replace another
NOTED_NOUNS = 3


@dataclass(frozen=True)
class Vocabulary:
    """Nouns with their text embeddings.

    pooled: [N, 384], unit length.
    synonyms: another word to a noun, as "automobile" to "car".
    """

    nouns: tuple[str, ...]
    pooled: Tensor
    synonyms: Mapping[str, str]

    @classmethod
    def read(cls, file: Path) -> Vocabulary:
        """Read nouns.safetensors.

        Raises:
            WeightsDamaged: the file is cut off, or another one.
        """
        try:
            with safe_open(file, "pt") as stored:
                metadata = stored.metadata()
                nouns, synonyms = json.loads(metadata["nouns"]), json.loads(metadata["stand_ins"])
                return cls(tuple(nouns), stored.get_tensor("pooled").float(), synonyms)
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            raise WeightsDamaged(f"The nouns {file.name} cannot be read.", REMEDY) from error

    def synonym(self, word: str) -> str | None:
        """The noun that is a synonym or hypernym of `word`, singular or plural."""
        found = (self.synonyms.get(each) for each in sorted(singulars(word), key=len, reverse=True))
        return next((noun for noun in found if noun), None)

    def nearest(self, pooled: Tensor) -> str | None:
        """The noun with the most similar embedding; None below NOUN_SIMILARITY.

        Args:
            pooled: [384] a word's embedding, unit length.
        """
        similarity, index = (self.pooled @ pooled.to(self.pooled)).max(0)
        return self.nouns[int(index)] if similarity >= NOUN_SIMILARITY else None

    def names_known_noun(self, prompt: str) -> bool:
        """Whether a noun is among the prompt's words, singular or plural."""
        words = re.findall(r"[a-z]+", prompt.lower())
        return any(not singulars(word).isdisjoint(self.nouns) for word in words)

    def contains(self, word: str) -> bool:
        """Whether `word` is one of the nouns' words, as "palm" and "tree" of "palm tree"."""
        return not singulars(word).isdisjoint(self._words)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(word for noun in self.nouns for word in noun.split())

    def are_like_known(self, pooled: Tensor) -> list[bool]:
        """Whether words mean what a noun means: "bicycle" and "bike".

        Args:
            pooled: [N, 384] the words' embeddings, unit length.
        """
        similarity = pooled.to(self.pooled) @ self.pooled.T
        return (similarity.amax(1) > KNOWN_SIMILARITY).tolist()

    def most_similar(self, pooled: Tensor) -> list[str]:
        """NOTED_NOUNS nouns that share no word: not both "couch" and "small couch".

        Args:
            pooled: [384] a prompt's embedding, unit length.
        """
        similarity = self.pooled @ pooled.to(self.pooled)
        found: list[str] = []
        for index in torch.argsort(similarity, descending=True).tolist():
            noun = self.nouns[index]
            if all(set(noun.split()).isdisjoint(other.split()) for other in found):
                found.append(noun)
            if len(found) == NOTED_NOUNS:
                break
        return found


def write_vocabulary(vocabulary: Vocabulary, file: Path) -> None:
    """Write nouns.safetensors, the embeddings in half precision."""
    tables = {"nouns": vocabulary.nouns, "stand_ins": vocabulary.synonyms}
    metadata = {name: json.dumps(value) for name, value in tables.items()}
    save_file({"pooled": vocabulary.pooled.half()}, file, metadata)
