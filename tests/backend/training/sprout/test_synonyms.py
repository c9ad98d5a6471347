"""Synonyms of known nouns, from a WordNet of a dozen synsets in its own file format."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.captions import HYPONYMS
from training.objects import ObjectRecord
from training.sprout import synonyms
from training.wordnet import ANIMAL, ARTIFACT, BODY, FOOD, NATURE, PERSON, PLANT, WordNet

# Of each synset: lexicographer file, lemmas, hypernyms.
SYNSETS = {
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
def wordnet(tmp_path: Path) -> WordNet:
    data = ["  1 a licence, indented"]
    senses = dict(SENSES)
    for key, (file, lemmas, hypernyms) in SYNSETS.items():
        words = lemmas.split()
        pointers = f"@ {hypernyms} n 0000" if hypernyms else ""
        data.append(
            f"{key} {file:02} n {len(words):02x} {' '.join(f'{word} 0' for word in words)} "
            f"{len(hypernyms.split()):03} {pointers} | a gloss"
        )
        for word in words:
            senses.setdefault(word.lower(), key)
    (tmp_path / "data.noun").write_text("\n".join(data) + "\n", encoding="utf-8")
    lines = []
    for word, keys in senses.items():
        count = len(keys.split())
        lines.append(f"{word} n {count} 2 @ ~ {count} 0 {keys}  ")
    (tmp_path / "index.noun").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return WordNet.read(tmp_path)


def record(name: str, category: str) -> ObjectRecord:
    return ObjectRecord("", "", name, "", (), category, "", "", "", "")


def found_synonyms(wordnet: WordNet, **categories: str) -> dict[str, str]:
    records = [record(name.replace("_", " "), category) for name, category in categories.items()]
    nouns = {each.name.split()[-1] for each in records}
    found = synonyms.find_synonyms(nouns, records, wordnet)
    manual = {word for members in HYPONYMS.values() for word in members.split()}
    return {word: noun for word, noun in found.items() if word not in manual}


def test_synonyms_and_hyponyms_map_to_the_noun(wordnet: WordNet) -> None:
    assert found_synonyms(wordnet, car="vehicle") == {"auto": "car", "automobile": "car"}
    assert found_synonyms(wordnet, dog="animal") == {"poodle": "dog"}  # single words only


def test_category_of_the_objects_disambiguates_a_noun(wordnet: WordNet) -> None:
    assert found_synonyms(wordnet, chest="container") == {"coffer": "chest"}


def test_objects_of_another_name_do_not_disambiguate_a_noun(wordnet: WordNet) -> None:
    assert found_synonyms(wordnet, hot_dog="food", dog="animal") == {"poodle": "dog"}


def test_ambiguous_words_are_left_out(wordnet: WordNet) -> None:
    found = found_synonyms(wordnet, vehicle="vehicle", tree="plant")
    assert "crane" not in found
    assert "pear" not in found
    assert found["automobile"] == "vehicle"


def test_people_have_no_synonyms(wordnet: WordNet) -> None:
    assert found_synonyms(wordnet, man="character") == {}


def test_hyponyms_of_captions_take_precedence(wordnet: WordNet) -> None:
    found = synonyms.find_synonyms({"sofa"}, [record("sofa", "furniture")], wordnet)
    assert found["settee"] == "sofa"
