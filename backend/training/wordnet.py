"""WordNet's nouns [Fellbaum 1998]: which words mean the same, and what is a kind of what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KIND_OF = frozenset({"@", "@i"})  # pointers to what a thing is a kind, or an instance, of
# Numbers of the lexicographers' files, which sort things roughly.
ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PERSON, PLANT = 5, 6, 8, 13, 17, 18, 20
THINGS = frozenset({ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PERSON, PLANT})


@dataclass(frozen=True)
class Meaning:
    """A set of words that mean the same."""

    sort: int  # one of the numbers above, or of another lexicographers' file
    words: tuple[str, ...]  # spaces between words; names with capitals
    kind_of: tuple[str, ...]  # the meanings that are one step more general


@dataclass(frozen=True)
class WordNet:
    """All meanings by their keys, and those of each word in lower case, the most usual first."""

    meanings: dict[str, Meaning]
    of_word: dict[str, tuple[str, ...]]

    @classmethod
    def read(cls, folder: Path) -> WordNet:
        """Read `data.noun` and `index.noun` of WordNet's folder `dict`, version 3.

        Raises:
            FileNotFoundError: they are not there.
        """
        meanings = dict(map(_meaning, _lines(folder / "data.noun")))
        return cls(meanings, dict(map(_senses, _lines(folder / "index.noun"))))

    def more_general(self, key: str, steps: int) -> Iterator[tuple[int, str]]:
        """Of what a meaning is a kind, nearest first: steps up and key, from itself at 0."""
        level, seen = [key], {key}
        for step in range(steps + 1):
            yield from ((step, each) for each in level)
            above = dict.fromkeys(up for each in level for up in self.meanings[each].kind_of)
            level = [up for up in above if up not in seen]
            seen.update(level)


def _lines(file: Path) -> Iterator[list[str]]:
    """The fields of each line; the licence at the top is indented."""
    with file.open(encoding="utf-8") as text:
        yield from (line.split() for line in text if not line.startswith(" "))


def _meaning(fields: list[str]) -> tuple[str, Meaning]:
    """A line of data.noun: key, sort, part of speech, count of words in hexadecimal, words and
    numbers in turn, count of pointers, pointers of four fields each, a gloss.
    """
    end = 4 + 2 * int(fields[3], 16)
    pointers = range(end + 1, end + 1 + 4 * int(fields[end]), 4)
    kind_of = tuple(fields[at + 1] for at in pointers if fields[at] in KIND_OF)
    words = tuple(word.replace("_", " ") for word in fields[4:end:2])
    return fields[0], Meaning(int(fields[1]), words, kind_of)


def _senses(fields: list[str]) -> tuple[str, tuple[str, ...]]:
    """A line of index.noun: the word, and at its end the keys of its meanings."""
    return fields[0].replace("_", " "), tuple(fields[-int(fields[2]) :])
