"""The nouns of the training objects, what stands for other words, and what is said of the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...contract.cards import Checkpoint, CheckpointFile, Licence
from ...errors import WeightsDamaged
from .checkpoint import REMEDY

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
NEAR = 0.66  # cosine of a prompt with the nearest noun above which they mean about the same
_RELATED = 0.5  # cosine of two words from which on one may stand for the other
NAMED = 3  # nouns in a remark


@dataclass(frozen=True)
class Vocabulary:
    """Nouns, what the text encoder makes of them, and the noun that other words stand for."""

    nouns: tuple[str, ...]
    pooled: Tensor  # [N, 384], unit length
    stand_ins: Mapping[str, str]  # "car" for "automobile"

    @classmethod
    def read(cls, file: Path) -> Vocabulary:
        """Read nouns.safetensors.

        Raises:
            WeightsDamaged: the file is cut off, or another one.
        """
        try:
            with safe_open(file, "pt") as stored:
                written = stored.metadata()
                nouns, stand_ins = json.loads(written["nouns"]), json.loads(written["stand_ins"])
                return cls(tuple(nouns), stored.get_tensor("pooled").float(), stand_ins)
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            raise WeightsDamaged(f"The nouns {file.name} cannot be read.", REMEDY) from error

    def stand_in(self, word: str) -> str | None:
        """The noun that means the same as another word, or is a kind of it; in the plural too."""
        return self.stand_ins.get(word) or self.stand_ins.get(word.removesuffix("s"))

    def nearest(self, pooled: Tensor) -> str | None:
        """The noun that means most nearly the same; None if it means something else.

        Args:
            pooled: [384] what the text encoder makes of a word, unit length.
        """
        likeness, best = (self.pooled @ pooled.to(self.pooled)).max(0)
        return self.nouns[int(best)] if likeness >= _RELATED else None

    def remark(self, prompt: str, pooled: Tensor) -> tuple[str, ...]:
        """A sentence for a prompt far from every noun, naming the nearest; else nothing.

        Args:
            pooled: [384] what the text encoder makes of the prompt, unit length.
        """
        if self.names_one(prompt):
            return ()
        likeness = self.pooled @ pooled.to(self.pooled)
        if likeness.max() > NEAR:
            return ()
        *others, last = self._nearest(likeness)
        return (
            f"Sprout was never shown what this prompt names. Nearest to it, it knows: "
            f"{', '.join(others)} and {last}. A larger engine will do better.",
        )

    def names_one(self, prompt: str) -> bool:
        """Whether a noun is among the prompt's words, be it in the plural."""
        words = re.findall(r"[a-z]+", prompt.lower())
        singular = {word.removesuffix("s") for word in words} | set(words)
        return not singular.isdisjoint(self.nouns)

    def _nearest(self, likeness: Tensor) -> list[str]:
        """The nearest nouns; of "small couch" and "couch" only the first that comes."""
        found: list[str] = []
        for index in torch.argsort(likeness, descending=True).tolist():
            noun = self.nouns[index]
            if all(set(noun.split()).isdisjoint(other.split()) for other in found):
                found.append(noun)
            if len(found) == NAMED:
                break
        return found


def write_vocabulary(vocabulary: Vocabulary, file: Path) -> None:
    """Write it all, the vectors in half precision."""
    words = {"nouns": vocabulary.nouns, "stand_ins": vocabulary.stand_ins}
    written = {name: json.dumps(value) for name, value in words.items()}
    save_file({"pooled": vocabulary.pooled.half()}, file, written)
