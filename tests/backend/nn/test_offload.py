"""Whether networks stay on a GPU, and the errors where they do not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from splatsmith.errors import OutOfMemory, is_out_of_memory
from splatsmith.nn.offload import MemoryDemand, Offload, explain_out_of_memory, keeps_networks
from tests.backend.devices import needs_cuda

GB = 10**9
VARIANTS = {"small": 2 * GB, "medium": 4_700_000_000, "large": 9_700_000_000}
DEMAND = MemoryDemand(resident=12 * GB, peak=9_700_000_000, variants=VARIANTS)


@pytest.mark.parametrize(
    ("mode", "total", "stays"),
    [
        ("auto", 24 * GB, True),
        ("auto", 16 * GB, False),  # too little would remain for computing
        ("fast", 16 * GB, True),
        ("small", 80 * GB, False),
        ("auto", 10 * GB, False),
    ],
)
def test_networks_stay_where_memory_remains(mode: str, total: int, stays: bool) -> None:
    assert keeps_networks(mode, DEMAND, total) is stays


@pytest.mark.parametrize(
    ("mode", "total", "message"),
    [
        ("fast", 11 * GB, r"12\.0 GB .* has 11\.0 GB\. Set memory to small: about 9\.7 GB will do"),
        ("fast", 8 * GB, r"12\.0 GB .* has 8\.0 GB\. .* use small or medium\."),
        ("small", 8 * GB, r"one network at a time it would take 9\.7 GB .* small or medium"),
        ("auto", 4 * GB, r"9\.7 GB .* use small\."),
        ("auto", GB, r"has 1\.0 GB\. Set the device to cpu"),
    ],
)
def test_a_gpu_too_small_is_refused_with_what_would_fit(
    mode: str, total: int, message: str
) -> None:
    with pytest.raises(OutOfMemory, match=message):
        keeps_networks(mode, DEMAND, total)


def test_torchs_out_of_memory_error_is_explained() -> None:
    with (
        pytest.raises(OutOfMemory, match="memory is full. Close") as raised,
        explain_out_of_memory(Offload("cuda", stays=False), DEMAND),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory")
    assert is_out_of_memory(raised.value)  # so that the worker unloads the engine


def test_on_a_cpu_nothing_is_moved() -> None:
    network = nn.Linear(2, 2)
    offload = Offload("cpu", stays=True)
    with offload.on_device(network):
        assert network.weight.device.type == "cpu"
    assert offload.load_device == "cpu"


@needs_cuda
def test_offloaded_networks_are_on_the_gpu_only_while_used() -> None:
    network = nn.Linear(2, 2)
    offload = Offload("cuda", stays=False)
    with offload.on_device(network):
        assert network.weight.is_cuda
    assert not network.weight.is_cuda
