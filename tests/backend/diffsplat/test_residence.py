"""Whether networks fit onto a GPU, and what is said where they do not."""

from __future__ import annotations

import pytest
import torch

from splatsmith.engines.diffsplat.card import CARD
from splatsmith.engines.diffsplat.offload import Demand, Residence, can_stay, told_when_full
from splatsmith.errors import OutOfMemory, is_out_of_memory

GB = 10**9
PIXART = Demand(kept=12 * GB, least=9_700_000_000)


@pytest.mark.parametrize(
    ("wanted", "room", "stays"),
    [
        ("auto", 24 * GB, True),
        ("auto", 16 * GB, False),  # leaves too little to compute with
        ("fast", 16 * GB, True),
        ("small", 80 * GB, False),
        ("auto", 10 * GB, False),
    ],
)
def test_networks_stay_where_there_is_room(wanted: str, room: int, stays: bool) -> None:
    assert can_stay(wanted, PIXART, room) is stays


@pytest.mark.parametrize(
    ("wanted", "room", "words"),
    [
        ("fast", 11 * GB, r"12\.0 GB .* has 11\.0 GB\. Set memory to small: about 9\.7 GB will do"),
        ("fast", 8 * GB, r"12\.0 GB .* has 8\.0 GB\. .* use sd15 or sd35-medium\."),
        ("small", 8 * GB, r"one network at a time it would take 9\.7 GB .* sd15 or sd35-medium"),
        ("auto", 4 * GB, r"9\.7 GB .* use sd15\."),
        ("auto", GB, r"has 1\.0 GB\. Set the device to cpu"),
    ],
)
def test_a_gpu_too_small_is_told_what_would_fit(wanted: str, room: int, words: str) -> None:
    with pytest.raises(OutOfMemory, match=words):
        can_stay(wanted, PIXART, room)


def test_a_full_gpu_is_told_and_the_engine_makes_room() -> None:
    with (
        pytest.raises(OutOfMemory, match="memory is full. Close") as told,
        told_when_full(Residence("cuda", stays=False), PIXART),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory")
    assert is_out_of_memory(told.value)


def test_every_variant_says_what_it_needs() -> None:
    for variant in CARD.variants:
        assert GB < variant.memory_bytes["bfloat16"] < 10 * GB, variant.id
