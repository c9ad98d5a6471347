"""What is said of prompts that name nothing the model was shown."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from splatsmith.conditioning.text_encoder import TextEncoder
from splatsmith.engines.sprout.checkpoint import FOLDER
from splatsmith.engines.sprout.prompt_parsing import Reader, Wording
from splatsmith.engines.sprout.vocabulary import NOUNS, Vocabulary, write_vocabulary
from splatsmith.errors import WeightsDamaged
from splatsmith.weights import bundled_file


@pytest.fixture(scope="module")
def texts() -> TextEncoder:
    return TextEncoder()


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.read(bundled_file(FOLDER, NOUNS))


@pytest.mark.parametrize("prompt", ["a saxophone", "a trilobite", "a stethoscope", "a giraffe"])
def test_an_unknown_thing_is_told_with_the_nearest_known_ones(
    prompt: str, texts: TextEncoder, vocabulary: Vocabulary
) -> None:
    (remark,) = vocabulary.remark(prompt, texts.encode(prompt).pooled)
    named = [noun for noun in vocabulary.nouns if noun in remark]
    assert len(named) >= 3
    assert "larger engine" in remark


@pytest.mark.parametrize(
    "prompt", ["a wooden chair", "two red chairs", "an automobile", "a bicycle", "a cupboard"]
)
def test_known_things_and_their_synonyms_pass_in_silence(
    prompt: str, texts: TextEncoder, vocabulary: Vocabulary
) -> None:
    assert vocabulary.remark(prompt, texts.encode(prompt).pooled) == ()


def test_of_nouns_that_share_a_word_only_the_nearest_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nouns.safetensors"
    likeness = torch.tensor([0.6, 0.55, 0.5, 0.4])
    pooled = torch.stack([likeness, (1 - likeness.square()).sqrt()], 1)
    write_vocabulary(Vocabulary(("small couch", "couch", "bed", "lamp"), pooled, {}), file)
    (remark,) = Vocabulary.read(file).remark("a futon", torch.tensor([1.0, 0.0]))
    assert "it knows: small couch, bed and lamp." in remark


@pytest.mark.parametrize(
    ("prompt", "read_as"),
    [
        ("a settee", "a sofa"),  # the encoder knows no such word
        ("a hatchet", "an axe"),
        ("a red motorcar in the rain", "a red car in the rain"),
        ("Bungalows", "house"),
        ("a cupboard", "a cabinet"),
        ("a chair", "a chair"),
        ("a giraffe", "a giraffe"),  # nothing that it knows is like it
    ],
)
def test_other_words_for_known_things_are_read_as_these(
    prompt: str, read_as: str, texts: TextEncoder, vocabulary: Vocabulary
) -> None:
    read, _ = Reader(texts, vocabulary).read(Wording.of(prompt))
    assert torch.equal(read.pooled, texts.encode(read_as).pooled)


def test_it_is_said_what_an_unlike_word_is_taken_for(
    texts: TextEncoder, vocabulary: Vocabulary
) -> None:
    _, remarks = Reader(texts, vocabulary).read(Wording.of("a hatchet"))
    assert remarks == ('Sprout takes "hatchet" for "axe". A larger engine will do better.',)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nouns.safetensors"
    file.write_bytes(b"not nouns")
    with pytest.raises(WeightsDamaged, match=r"nouns\.safetensors"):
        Vocabulary.read(file)
