"""Synonyms and hyponyms of the vocabulary's nouns: automobile -> car, settee -> sofa."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from training.captions import HYPONYMS, head_noun
from training.objects import ObjectRecord
from training.wordnet import ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PLANT, THING_FILES, WordNet

CATEGORY_FILES = {
    "animal": {ANIMAL},
    "character": set(),  # no synonyms for people
    "food": {FOOD, PLANT},
    "nature": {NATURE, PLANT},
    "plant": {PLANT},
    "other": {ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PLANT},
}
"""Lexicographer files of a noun's meaning, by the category of its objects; else ARTIFACT."""
TOO_GENERAL = frozenset({"creature", "figure", "machine", "structure"})
MAX_SENSES = 3  # of a noun are considered, the most frequent first
MAX_HYPERNYM_STEPS = 5  # from a word to a noun of the vocabulary
SENSE_RANK_COST = 2  # hypernym steps that each rank of a less frequent sense costs


def find_synonyms(
    nouns: Iterable[str], records: list[ObjectRecord], wordnet: WordNet
) -> dict[str, str]:
    """Map every single word outside `nouns` that is a synonym or hyponym of one of them to it.

    The categories of the `records` disambiguate the nouns. captions.HYPONYMS take precedence over
    WordNet.
    """
    nouns = set(nouns)
    noun_of = _nouns_by_synset(nouns - TOO_GENERAL, records, wordnet)
    synonyms: dict[str, str] = {}
    for word, senses in wordnet.senses.items():
        is_name = word not in wordnet.synsets[senses[0]].lemmas  # there it is capitalized
        candidates = list(_candidates(senses, noun_of, wordnet)) if word.isalpha() else []
        if candidates and not is_name:
            synonyms[word] = min(candidates)[1]
    synonyms |= {
        word: hypernym for hypernym, members in HYPONYMS.items() for word in members.split()
    }
    return {word: noun for word, noun in sorted(synonyms.items()) if word not in nouns}


def _nouns_by_synset(
    nouns: set[str], records: list[ObjectRecord], wordnet: WordNet
) -> dict[str, str]:
    """The most common noun of each synset that the objects of these nouns belong to."""
    counts = Counter(head_noun(record.name) for record in records)
    noun_of: dict[str, str] = {}
    for noun in sorted(nouns, key=lambda noun: (-counts[noun], noun)):
        files = CATEGORY_FILES.get(_category(noun, records), {ARTIFACT})
        ranked = wordnet.senses.get(noun, ())[:MAX_SENSES]
        senses = [key for key in ranked if wordnet.synsets[key].lexicographer_file in files]
        if senses:
            noun_of.setdefault(senses[0], noun)
    return noun_of


def _category(noun: str, records: list[ObjectRecord]) -> str:
    """Most common category of objects with that name, else of those whose head noun it is (a hot
    dog is no dog).
    """
    exact = [record.category for record in records if record.name == noun]
    ending = [record.category for record in records if head_noun(record.name) == noun]
    return Counter(exact or ending or ["other"]).most_common(1)[0][0]


def _candidates(
    senses: tuple[str, ...], noun_of: dict[str, str], wordnet: WordNet
) -> Iterator[tuple[int, str]]:
    """Costs and nouns that a word with these senses may be replaced by."""
    files = [wordnet.synsets[key].lexicographer_file for key in senses]
    things = [(rank, key) for rank, key in enumerate(senses) if files[rank] in THING_FILES]
    for rank, key in things:
        if key in noun_of:
            yield SENSE_RANK_COST * rank, noun_of[key]
    if len({files[rank] for rank, _ in things[:2]}) > 1 or FOOD in files:
        return  # ambiguous, such as crane, bat, nectarine
    for rank, key in things[:2]:
        for step, above in wordnet.hypernym_levels(key, MAX_HYPERNYM_STEPS):
            if above in noun_of:
                yield SENSE_RANK_COST * rank + step, noun_of[above]
