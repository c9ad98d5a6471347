"""The nouns of the training objects: what to say when a prompt names something else."""

from __future__ import annotations

import json
import re
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
            486704,
            "fe6917e0b51bfef428559cfe3f120ca2ccf3de2442725d7d1f571726d351a98d",
        ),
    ),
    licence=Licence("CC0-1.0"),
)
NEAR = 0.66  # cosine of a prompt with the nearest noun above which they mean about the same
_RELATED = 0.5  # cosine of two words from which on one may stand for the other
NAMED = 3  # nouns in a remark


@dataclass(frozen=True)
class Vocabulary:
    """Nouns and what the text encoder makes of them."""

    nouns: tuple[str, ...]
    pooled: Tensor  # [N, 384], unit length

    @classmethod
    def read(cls, file: Path) -> Vocabulary:
        """Read nouns.safetensors.

        Raises:
            WeightsDamaged: the file is cut off, or another one.
        """
        try:
            with safe_open(file, "pt") as stored:
                nouns = json.loads(stored.metadata()["nouns"])
                return cls(tuple(nouns), stored.get_tensor("pooled").float())
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            raise WeightsDamaged(f"The nouns {file.name} cannot be read.", REMEDY) from error

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


def write_vocabulary(nouns: list[str], pooled: Tensor, file: Path) -> None:
    """Write nouns and their pooled vectors [N, 384], half precision."""
    save_file({"pooled": pooled.half()}, file, {"nouns": json.dumps(nouns)})
