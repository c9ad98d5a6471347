"""Where networks are while they do not work.

A GPU that holds them all is fastest. On a smaller one each comes when its turn is there, and goes
back to the host's memory afterwards: text encoders first of all, which are the largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from ...errors import OutOfMemory
from .card import CARD

FAST_SHARE = 0.7  # of a GPU's memory may be taken by networks that stay
GIGABYTE = 1e9


@dataclass(frozen=True)
class Demand:
    """Bytes of a GPU's memory: of all networks together, and to work with one at a time."""

    kept: int
    least: int


@dataclass(frozen=True)
class Residence:
    """device: where networks work; `stays`: whether they remain there."""

    device: str
    stays: bool

    @property
    def home(self) -> str:
        """Where a network is loaded."""
        return self.device if self.stays else "cpu"

    @contextmanager
    def at_work(self, *networks: nn.Module) -> Iterator[None]:
        """Have `networks` on the device for a while."""
        if not self.stays:
            for network in networks:
                network.to(self.device)
        try:
            yield
        finally:
            if not self.stays:
                for network in networks:
                    network.to(self.home)


def choose_residence(wanted: str, device: str, demand: Demand) -> Residence:
    """As `wanted` ("fast", "small"); "auto" is fast where the networks leave room on the GPU.

    Raises:
        OutOfMemory: the GPU is too small.
    """
    if not device.startswith("cuda"):
        return Residence(device, True)
    return Residence(device, can_stay(wanted, demand, _room(device)))


def can_stay(wanted: str, demand: Demand, room: int) -> bool:
    """Whether all networks are to stay in the `room` bytes of a GPU.

    Raises:
        OutOfMemory: what is wanted does not fit.
    """
    stays = wanted == "fast" or (wanted == "auto" and demand.kept <= FAST_SHARE * room)
    needed = demand.kept if stays else demand.least
    if needed > room:
        how = "All networks together" if stays else "Even with one network at a time it"
        raise OutOfMemory(
            f"{how} would take {_gigabytes(needed)} on the GPU, which has {_gigabytes(room)}.",
            what_fits(demand, room),
        )
    return stays


@contextmanager
def told_when_full(residence: Residence, demand: Demand) -> Iterator[None]:
    """Turn the end of a GPU's memory, which others use too, into what can be done about it.

    Raises:
        OutOfMemory: in place of torch's own error.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        remedy = "Close what else uses it, or take a smaller variant."
        if residence.stays:
            remedy = what_fits(demand, _room(residence.device))
        raise OutOfMemory("The GPU's memory is full.", remedy) from error


def what_fits(demand: Demand, room: int) -> str:
    """The sentence that says what to do where all networks together are too much for `room`."""
    if demand.least <= room:
        return f"Set memory to small: about {_gigabytes(demand.least)} will do."
    smaller = [v.id for v in CARD.variants if min(v.memory_bytes.values()) <= room]
    if smaller:
        return f"Set memory to small, precision to auto, and use {' or '.join(smaller)}."
    return "Set the device to cpu, which takes minutes."


def _room(device: str) -> int:
    return torch.cuda.get_device_properties(device).total_memory


def _gigabytes(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB"
