"""The class nearest to a prompt, by the built-in text encoder."""

from __future__ import annotations

import pytest
import torch

from splatsmith.conditioning.nearest_class_label import nearest_class_label
from splatsmith.conditioning.text_encoder import TextEncoder
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


def test_many_labels_at_once_are_embedded_as_one_by_one() -> None:
    labels = ["a fox", "a red fox with a long tail", "fox", "a toadstool", "a fox"]
    encoder = TextEncoder()
    alone = torch.stack([encoder.encode(label).pooled for label in labels])
    torch.testing.assert_close(encoder.embed(labels), alone, atol=1e-6, rtol=0)
