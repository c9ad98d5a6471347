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

FAST_SHARE = 0.7  # of a GPU's memory may be taken by networks that stay


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


def choose_residence(wanted: str, device: str, needed_bytes: int) -> Residence:
    """As `wanted` ("fast", "small"); "auto" is fast where the networks leave room on the GPU."""
    if not device.startswith("cuda"):
        return Residence(device, True)
    if wanted != "auto":
        return Residence(device, wanted == "fast")
    room = FAST_SHARE * torch.cuda.get_device_properties(device).total_memory
    return Residence(device, needed_bytes <= room)
