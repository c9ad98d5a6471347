"""Which words stand for known nouns, by a WordNet of a dozen meanings in its own format."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.objects import ObjectRecord
from training.sprout import synonyms
from training.wordnet import ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PERSON, PLANT, WordNet

# Of each meaning: its sort, its words, what it is a kind of.
MEANINGS = {
    "00000001": (ARTIFACT, "artifact", ""),
    "00000010": (ARTIFACT, "vehicle", "00000001"),
    "00000011": (ARTIFACT, "car auto automobile", "00000010"),
    "00000012": (ARTIFACT, "coupe", "00000011"),
    "00000013": (ARTIFACT, "Model_T", "00000011"),
    "00000020": (BODY, "chest thorax", ""),
    "00000021": (ARTIFACT, "chest", "00000001"),
    "00000022": (ARTIFACT, "coffer", "00000021"),
    "00000030": (ANIMAL, "dog domestic_dog", ""),
    "00000031": (ANIMAL, "poodle", "00000030"),
    "00000032": (ANIMAL, "toy_poodle", "00000031"),
    "00000040": (NATURE, "crane_constellation crane", ""),
    "00000041": (ARTIFACT, "crane", "00000010"),
    "00000050": (PLANT, "tree", ""),
    "00000051": (PLANT, "pear", "00000050"),
    "00000052": (FOOD, "pear", ""),
    "00000060": (PERSON, "man adult_male", ""),
    "00000061": (PERSON, "bachelor", "00000060"),
}
SENSES = {
    "chest": "00000020 00000021",
    "crane": "00000040 00000041",
    "pear": "00000051 00000052",
}


@pytest.fixture
def words(tmp_path: Path) -> WordNet:
    data = ["  1 a licence, indented"]
    senses = dict(SENSES)
    for key, (sort, names, above) in MEANINGS.items():
        each = names.split()
        pointers = f"@ {above} n 0000" if above else ""
        data.append(
            f"{key} {sort:02} n {len(each):02x} {' '.join(f'{name} 0' for name in each)} "
            f"{len(above.split()):03} {pointers} | a gloss"
        )
        for name in each:
            senses.setdefault(name.lower(), key)
    (tmp_path / "data.noun").write_text("\n".join(data) + "\n", encoding="utf-8")
    lines = []
    for word, keys in senses.items():
        count = len(keys.split())
        lines.append(f"{word} n {count} 2 @ ~ {count} 0 {keys}  ")
    (tmp_path / "index.noun").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return WordNet.read(tmp_path)


def record(name: str, category: str) -> ObjectRecord:
    return ObjectRecord("", "", name, "", (), category, "", "", "", "")


def stand_ins(words: WordNet, **categories: str) -> dict[str, str]:
    records = [record(name.replace("_", " "), category) for name, category in categories.items()]
    nouns = {each.name.split()[-1] for each in records}
    found = synonyms.stand_ins(nouns, records, words)
    by_hand = {word for members in synonyms.KINDS.values() for word in members.split()}
    return {word: noun for word, noun in found.items() if word not in by_hand}


def test_words_of_the_same_meaning_and_kinds_stand_for_a_noun(words: WordNet) -> None:
    assert stand_ins(words, car="vehicle") == {"auto": "car", "automobile": "car"}
    assert stand_ins(words, dog="animal") == {"poodle": "dog"}  # single words alone


def test_the_objects_tell_which_meaning_a_noun_has(words: WordNet) -> None:
    assert stand_ins(words, chest="container") == {"coffer": "chest"}


def test_a_noun_in_the_name_of_another_thing_tells_nothing(words: WordNet) -> None:
    assert stand_ins(words, hot_dog="food", dog="animal") == {"poodle": "dog"}


def test_words_that_may_be_something_else_stand_for_nothing(words: WordNet) -> None:
    found = stand_ins(words, vehicle="vehicle", tree="plant")
    assert "crane" not in found
    assert "pear" not in found
    assert found["automobile"] == "vehicle"


def test_nobody_is_taken_for_somebody_else(words: WordNet) -> None:
    assert stand_ins(words, man="character") == {}


def test_captions_come_first(words: WordNet) -> None:
    found = synonyms.stand_ins({"sofa"}, [record("sofa", "furniture")], words)
    assert found["settee"] == "sofa"
