"""Caption variants of objects."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from training.captions import NON_OBJECT_NOUNS, caption_variants, hypernyms, recolored_caption
from training.objects import ObjectRecord

CHAIR = ObjectRecord(
    "id", "shard", "old chair", "a brown old chair", (), "furniture", "s", "c", "CC0-1.0", "g"
)


def test_only_objects_of_common_nouns_have_recolored_captions() -> None:
    assert recolored_caption(CHAIR, Counter({"chair": 9}), "purple") == "a purple chair"
    assert recolored_caption(CHAIR, Counter({"chair": 1}), "purple") is None
    assert "chair" not in NON_OBJECT_NOUNS


def test_captions_include_hypernyms() -> None:
    taxi = replace(CHAIR, name="yellow taxi", caption="a yellow taxi")
    texts = caption_variants(taxi, Counter({"taxi": 2}))
    assert texts["a car"] > 0.1
    assert sum(texts.values()) == pytest.approx(1)
    assert hypernyms("clownfish") == ["fish"]
    assert hypernyms("fish") == hypernyms("chair") == []
