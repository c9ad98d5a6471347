"""Unknown nouns: their notes and their replacements."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from splatsmith.conditioning.text_encoder import TextEncoder
from splatsmith.engines.sprout.checkpoint import FOLDER
from splatsmith.engines.sprout.prompt_parsing import ParsedPrompt, PromptEncoder
from splatsmith.engines.sprout.vocabulary import NOUNS, Vocabulary, write_vocabulary
from splatsmith.errors import WeightsDamaged
from splatsmith.weights import bundled_file


@pytest.fixture(scope="module")
def text_encoder() -> TextEncoder:
    return TextEncoder()


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.read(bundled_file(FOLDER, NOUNS))


@pytest.mark.parametrize("prompt", ["a saxophone", "a trilobite", "a stethoscope", "a giraffe"])
def test_an_unknown_noun_is_noted_with_the_nearest_known_ones(
    prompt: str, text_encoder: TextEncoder, vocabulary: Vocabulary
) -> None:
    (note,) = vocabulary.note_if_unknown(prompt, text_encoder.encode(prompt).pooled)
    named = [noun for noun in vocabulary.nouns if noun in note]
    assert len(named) >= 3
    assert "larger engine" in note


@pytest.mark.parametrize(
    "prompt", ["a wooden chair", "two red chairs", "an automobile", "a bicycle", "a cupboard"]
)
def test_known_nouns_and_their_synonyms_are_not_noted(
    prompt: str, text_encoder: TextEncoder, vocabulary: Vocabulary
) -> None:
    assert vocabulary.note_if_unknown(prompt, text_encoder.encode(prompt).pooled) == ()


def test_of_nouns_that_share_a_word_only_the_nearest_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "nouns.safetensors"
    similarity = torch.tensor([0.6, 0.55, 0.5, 0.4])
    pooled = torch.stack([similarity, (1 - similarity.square()).sqrt()], 1)
    write_vocabulary(Vocabulary(("small couch", "couch", "bed", "lamp"), pooled, {}), file)
    (note,) = Vocabulary.read(file).note_if_unknown("a futon", torch.tensor([1.0, 0.0]))
    assert "it knows: small couch, bed and lamp." in note


@pytest.mark.parametrize(
    ("prompt", "replaced"),
    [
        ("a settee", "a sofa"),  # not in the encoder's vocabulary
        ("a hatchet", "an axe"),
        ("a red motorcar in the rain", "a red car in the rain"),
        ("Bungalows", "house"),
        ("a cupboard", "a cabinet"),
        ("a chair", "a chair"),
        ("a giraffe", "a giraffe"),  # unlike every known noun
    ],
)
def test_synonyms_are_replaced_by_known_nouns(
    prompt: str, replaced: str, text_encoder: TextEncoder, vocabulary: Vocabulary
) -> None:
    encoded, _ = PromptEncoder(text_encoder, vocabulary).encode(ParsedPrompt.parse(prompt))
    assert torch.equal(encoded.pooled, text_encoder.encode(replaced).pooled)


def test_replacing_an_unlike_noun_is_noted(
    text_encoder: TextEncoder, vocabulary: Vocabulary
) -> None:
    _, notes = PromptEncoder(text_encoder, vocabulary).encode(ParsedPrompt.parse("a hatchet"))
    assert notes == ('Sprout takes "hatchet" for "axe". A larger engine will do better.',)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "nouns.safetensors"
    file.write_bytes(b"not nouns")
    with pytest.raises(WeightsDamaged, match=r"nouns\.safetensors"):
        Vocabulary.read(file)
