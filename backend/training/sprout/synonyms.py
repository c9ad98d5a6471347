"""Words that stand for a known noun: an automobile is a car, a settee a sofa, a poodle a dog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from training.captions import KINDS, head_noun
from training.objects import ObjectRecord
from training.wordnet import ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PLANT, THINGS, WordNet

SORTS = {
    "animal": {ANIMAL},
    "character": set(),  # nobody is taken for somebody else
    "food": {FOOD, PLANT},
    "nature": {NATURE, PLANT},
    "plant": {PLANT},
    "other": {ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PLANT},
}
"""What a noun may mean, by the category of the objects that it names; else it is an artifact."""
TOO_GENERAL = frozenset({"creature", "figure", "machine", "structure"})
USUAL = 3  # meanings of a noun among which is the one that its objects have
STEPS = 5  # up, from a thing to what it is a kind of
LATER = 2  # steps that a less usual meaning counts


def stand_ins(nouns: Iterable[str], records: list[ObjectRecord], words: WordNet) -> dict[str, str]:
    """For every other single word that means one of `nouns`, or a kind of it, that noun.

    The `records` that the nouns name tell by their categories which meaning is meant. What
    captions call kinds of a thing comes before what WordNet says.
    """
    nouns = set(nouns)
    meant = _meant(nouns - TOO_GENERAL, records, words)
    found: dict[str, str] = {}
    for word, senses in words.of_word.items():
        is_name = word not in words.meanings[senses[0]].words
        candidates = list(_candidates(senses, meant, words)) if word.isalpha() else []
        if candidates and not is_name:
            found[word] = min(candidates)[1]
    found |= {word: kind for kind, members in KINDS.items() for word in members.split()}
    return {word: noun for word, noun in sorted(found.items()) if word not in nouns}


def _meant(nouns: set[str], records: list[ObjectRecord], words: WordNet) -> dict[str, str]:
    """The commonest noun of each meaning that the objects of these nouns have."""
    counts = Counter(head_noun(record.name) for record in records)
    meant: dict[str, str] = {}
    for noun in sorted(nouns, key=lambda noun: (-counts[noun], noun)):
        sorts = SORTS.get(_category(noun, records), {ARTIFACT})
        usual = words.of_word.get(noun, ())[:USUAL]
        senses = [key for key in usual if words.meanings[key].sort in sorts]
        if senses:
            meant.setdefault(senses[0], noun)
    return meant


def _category(noun: str, records: list[ObjectRecord]) -> str:
    """Of the objects of that very name, else of those whose names end in it: no hot dog barks."""
    exact = [record.category for record in records if record.name == noun]
    ending = [record.category for record in records if head_noun(record.name) == noun]
    return Counter(exact or ending or ["other"]).most_common(1)[0][0]


def _candidates(
    senses: tuple[str, ...], meant: dict[str, str], words: WordNet
) -> Iterator[tuple[int, str]]:
    """Nouns that a word of these meanings may stand for, with how far away they are."""
    sorts = [words.meanings[key].sort for key in senses]
    things = [(rank, key) for rank, key in enumerate(senses) if sorts[rank] in THINGS]
    for rank, key in things:
        if key in meant:
            yield LATER * rank, meant[key]
    if len({sorts[rank] for rank, _ in things[:2]}) > 1 or FOOD in sorts:
        return  # a crane, a bat, a nectarine: which is meant?
    for rank, key in things[:2]:
        for step, above in words.more_general(key, STEPS):
            if above in meant:
                yield LATER * rank + step, meant[above]
