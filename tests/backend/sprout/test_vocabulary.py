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


@pytest.fixture(scope="module")
def encoder(text_encoder: TextEncoder, vocabulary: Vocabulary) -> PromptEncoder:
    return PromptEncoder(text_encoder, vocabulary)


def notes_on(prompt: str, encoder: PromptEncoder) -> tuple[str, ...]:
    return encoder.encode(ParsedPrompt.parse(prompt))[1]


@pytest.mark.parametrize(
    "prompt", ["a trilobite", "a stethoscope", "a giraffe", "ein Stuhl", "椅子", "कुर्सी"]
)
def test_a_prompt_of_unknown_words_is_noted_with_the_nearest_nouns(
    prompt: str, encoder: PromptEncoder
) -> None:
    (note,) = notes_on(prompt, encoder)
    assert all(f'"{word}"' in note for word in prompt.lower().split() if word != "a")
    assert len([noun for noun in encoder.vocabulary.nouns if noun in note]) >= 3
    assert "larger engine" in note


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("a dragon skull", ["dragon"]),  # whose noun is known
        ("A dragon\u2019s skull!", ["dragon"]),
        ("a chair with a saxophone", ["saxophone"]),
        ("a brass key, and a violin", ["brass", "violin"]),
        ("a rusty steampunk lamp", ["rusty", "steampunk"]),
        ("a woden chair", ["woden"]),  # misspelt
        ("a Café chair", ["café"]),
        ("a marble table", ["marble"]),  # of which a synonym, "ball", is known
    ],
)
def test_each_unknown_word_beside_known_ones_is_noted(
    prompt: str, unknown: list[str], encoder: PromptEncoder
) -> None:
    (note,) = notes_on(prompt, encoder)
    listed = " and ".join(f'"{word}"' for word in unknown)
    assert note == f"Sprout does not know {listed}. A larger engine will do better."


@pytest.mark.parametrize(
    "prompt",
    [
        *("a wooden chair", "two red chairs", "a potted plant", "a purple armchair", "a grey rock"),
        *("an automobile", "a bicycle", "a cupboard"),  # which mean what a known noun means
        *("knives, boxes and shelves", "a low poly 3D model of a tall tree, game asset"),
    ],
)
def test_prompts_of_known_words_are_not_noted(prompt: str, encoder: PromptEncoder) -> None:
    assert notes_on(prompt, encoder) == ()


@pytest.mark.parametrize("prompt", ["red", "something nice", "a big one", "\U0001fa91", "..."])
def test_a_prompt_that_names_nothing_is_noted(prompt: str, encoder: PromptEncoder) -> None:
    (note,) = notes_on(prompt, encoder)
    assert "Nearest to this prompt, it knows:" in note


def test_of_nouns_that_share_a_word_only_the_nearest_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nouns.safetensors"
    similarity = torch.tensor([0.6, 0.55, 0.5, 0.4])
    pooled = torch.stack([similarity, (1 - similarity.square()).sqrt()], 1)
    write_vocabulary(Vocabulary(("small couch", "couch", "bed", "lamp"), pooled, {}), file)
    nearest = Vocabulary.read(file).most_similar(torch.tensor([1.0, 0.0]))
    assert nearest == ["small couch", "bed", "lamp"]


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


def test_replacing_an_unlike_noun_is_noted(encoder: PromptEncoder) -> None:
    assert notes_on("a hatchet", encoder) == (
        'Sprout takes "hatchet" for "axe". A larger engine will do better.',
    )
    assert notes_on("a rusty hatchet", encoder) == (
        'Sprout takes "hatchet" for "axe". Sprout does not know "rusty". '
        "A larger engine will do better.",
    )


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "nouns.safetensors"
    file.write_bytes(b"not nouns")
    with pytest.raises(WeightsDamaged, match=r"nouns\.safetensors"):
        Vocabulary.read(file)
