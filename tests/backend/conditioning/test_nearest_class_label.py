"""The class nearest to a prompt, by the built-in text encoder."""

from __future__ import annotations

import pytest

from splatsmith.conditioning.nearest_class_label import nearest_class_label
from tests.backend.engines.menagerie.card import LABELS


@pytest.mark.parametrize(
    ("prompt", "label"),
    [
        ("yellow tiger", "yellow tiger"),
        ("a red fox in the snow", "red fox"),
        ("a very big elephant", "large elephant"),
    ],
)
def test_the_nearest_of_a_thousand_labels_is_found(prompt: str, label: str) -> None:
    assert nearest_class_label(prompt, LABELS) == label
