"""A class is found by its name or number, or the nearest names are offered."""

from __future__ import annotations

import pytest

from splatsmith.contract.class_labels import find_class_label
from splatsmith.contract.problems import InvalidRequest, NotFound
from splatsmith.contract.protocol import MAX_NAME_CHARACTERS, GenerateRequest
from tests.backend.engines.menagerie.card import CARD, LABELS


@pytest.mark.parametrize(
    ("text", "label"),
    [("red fox", "red fox"), (" Red FOX ", "red fox"), ("0", "black ant"), ("999", "yellow tiger")],
)
def test_a_class_is_found_by_name_or_number(text: str, label: str) -> None:
    assert find_class_label(LABELS, text) == label
    request = GenerateRequest(engine="menagerie", class_label=text).completed(CARD)
    assert request.class_label == label
    assert request.completed(CARD) == request


def test_an_unknown_class_gets_the_five_nearest_offered() -> None:
    with pytest.raises(NotFound, match="There is no class 'red foxx'") as raised:
        find_class_label(LABELS, "red foxx")
    names = raised.value.remedy.removeprefix("The nearest are: ").removesuffix(".").split(", ")
    assert len(names) == 5
    assert names[0] == "red fox"
    assert set(names) <= set(LABELS)


def test_a_class_number_beyond_the_last_is_refused() -> None:
    with pytest.raises(NotFound, match="number 1,000.* from 0 to 999"):
        find_class_label(LABELS, "1000")


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (GenerateRequest(), "neither a prompt nor a class. Type a prompt or choose a class"),
        (GenerateRequest(prompt="a fox", class_label="red fox"), "not both"),
        (GenerateRequest(class_label="x" * (MAX_NAME_CHARACTERS + 1)), "class has 201 characters"),
        (
            GenerateRequest(class_label="red fox", variant="class-and-picture"),
            r"Menagerie \(Class and Picture\) needs a picture",
        ),
        (
            GenerateRequest(variant="class-and-picture"),
            "neither a class nor a picture. Choose a class and choose a picture",
        ),
    ],
)
def test_what_a_class_does_not_go_with_is_explained(
    request_: GenerateRequest, complaint: str
) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        request_.completed(CARD)


def test_a_prompt_stands_for_a_class_where_no_text_is_taken() -> None:
    request = GenerateRequest(prompt="a red vixen").completed(CARD)
    assert (request.prompt, request.class_label) == ("a red vixen", "")
