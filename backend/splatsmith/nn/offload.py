"""Model offload: whether networks stay on the GPU between uses.

A GPU that holds all of a job's networks is fastest. On a smaller one each is moved there for its
turn and back to the host's memory afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from ..errors import OutOfMemory

RESIDENT_SHARE = 0.7  # of a GPU's memory, at most, for networks that stay there
GIGABYTE = 1e9


@dataclass(frozen=True)
class MemoryDemand:
    """Bytes of GPU memory that a job needs.

    resident: for all its networks together.
    peak: to work with one network at a time.
    variants: the least that each variant of the engine needs, by id; for suggestions.
    """

    resident: int
    peak: int
    variants: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Offload:
    """device: where networks run; `stays`: whether they remain there between uses."""

    device: str
    stays: bool

    @property
    def load_device(self) -> str:
        """Where networks are loaded, and kept between uses."""
        return self.device if self.stays else "cpu"

    @contextmanager
    def on_device(self, *networks: nn.Module) -> Iterator[None]:
        """Have `networks` on the device for the duration of the context."""
        if not self.stays:
            for network in networks:
                network.to(self.device)
        try:
            yield
        finally:
            if not self.stays:
                for network in networks:
                    network.to(self.load_device)


def choose_offload(mode: str, device: str, demand: MemoryDemand) -> Offload:
    """By `mode`: "fast" keeps networks on the GPU, "small" does not, "auto" keeps them if enough
    memory remains for computing. On a CPU nothing is moved.

    Raises:
        OutOfMemory: the GPU is too small.
    """
    if not device.startswith("cuda"):
        return Offload(device, True)
    return Offload(device, keeps_networks(mode, demand, _total_memory(device)))


def keeps_networks(mode: str, demand: MemoryDemand, total: int) -> bool:
    """Whether all networks stay on a GPU with `total` bytes.

    Raises:
        OutOfMemory: the mode's demand exceeds it.
    """
    stays = mode == "fast" or (mode == "auto" and demand.resident <= RESIDENT_SHARE * total)
    needed = demand.resident if stays else demand.peak
    if needed > total:
        subject = "All networks together" if stays else "Even with one network at a time it"
        raise OutOfMemory(
            f"{subject} would take {_gigabytes(needed)} on the GPU, which has {_gigabytes(total)}.",
            _remedy(demand, total),
        )
    return stays


@contextmanager
def explain_out_of_memory(offload: Offload, demand: MemoryDemand) -> Iterator[None]:
    """Turn torch's error into one that says what would fit.

    Raises:
        OutOfMemory: in place of torch's own error.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        remedy = "Close what else uses it, or take a smaller variant."
        if offload.stays:
            remedy = _remedy(demand, _total_memory(offload.device))
        raise OutOfMemory("The GPU's memory is full.", remedy) from error


def _remedy(demand: MemoryDemand, total: int) -> str:
    """What to do where all networks together exceed `total`."""
    if demand.peak <= total:
        return f"Set memory to small: about {_gigabytes(demand.peak)} will do."
    if fitting := [variant for variant, least in demand.variants.items() if least <= total]:
        return f"Set memory to small, precision to auto, and use {' or '.join(fitting)}."
    return "Set the device to cpu, which takes minutes."


def _total_memory(device: str) -> int:
    return torch.cuda.get_device_properties(device).total_memory


def _gigabytes(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB"
