"""WordNet 3's nouns [Fellbaum 1998]: synsets, their lemmas and hypernyms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HYPERNYM_POINTERS = frozenset({"@", "@i"})  # hypernym, instance hypernym
# Numbers of the lexicographer files, a coarse classification of synsets.
ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PERSON, PLANT = 5, 6, 8, 13, 17, 18, 20
THING_FILES = frozenset({ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PERSON, PLANT})


@dataclass(frozen=True)
class Synset:
    """Words of the same meaning."""

    lexicographer_file: int  # one of the numbers above, or another
    lemmas: tuple[str, ...]  # spaces between words; proper names capitalized
    hypernyms: tuple[str, ...]  # keys of synsets


@dataclass(frozen=True)
class WordNet:
    """All synsets by key, and the keys of each lower-case word's senses, most frequent first."""

    synsets: dict[str, Synset]
    senses: dict[str, tuple[str, ...]]

    @classmethod
    def read(cls, folder: Path) -> WordNet:
        """Read `data.noun` and `index.noun` of WordNet's folder `dict`, version 3.

        Raises:
            FileNotFoundError: they are not there.
        """
        synsets = dict(map(_parse_synset, _lines(folder / "data.noun")))
        return cls(synsets, dict(map(_parse_senses, _lines(folder / "index.noun"))))

    def hypernym_levels(self, key: str, steps: int) -> Iterator[tuple[int, str]]:
        """Breadth-first (steps, key) of a synset's hypernyms, itself at 0."""
        level, seen = [key], {key}
        for step in range(steps + 1):
            yield from ((step, each) for each in level)
            above = dict.fromkeys(up for each in level for up in self.synsets[each].hypernyms)
            level = [up for up in above if up not in seen]
            seen.update(level)


def _lines(file: Path) -> Iterator[list[str]]:
    """The fields of each line; the licence at the top is indented."""
    with file.open(encoding="utf-8") as text:
        yield from (line.split() for line in text if not line.startswith(" "))


def _parse_synset(fields: list[str]) -> tuple[str, Synset]:
    """A line of data.noun: key, lexicographer file, part of speech, number of lemmas in
    hexadecimal, lemmas and their ids in turn, number of pointers, pointers of four fields, gloss.
    """
    end = 4 + 2 * int(fields[3], 16)
    pointers = range(end + 1, end + 1 + 4 * int(fields[end]), 4)
    hypernyms = tuple(fields[at + 1] for at in pointers if fields[at] in HYPERNYM_POINTERS)
    lemmas = tuple(word.replace("_", " ") for word in fields[4:end:2])
    return fields[0], Synset(int(fields[1]), lemmas, hypernyms)


def _parse_senses(fields: list[str]) -> tuple[str, tuple[str, ...]]:
    """A line of index.noun: the word first, the keys of its synsets last."""
    return fields[0].replace("_", " "), tuple(fields[-int(fields[2]) :])
