"""Training on any number of GPUs: one process each, gradients averaged, one clock for all.

    torchrun --nproc-per-node 4 -m training.sprout.train ...

Without torchrun it is one process, and nothing here costs anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

PATIENCE = timedelta(minutes=10)  # for a process that is busy with a report


@dataclass(frozen=True)
class Team:
    """The processes that train together; this one is `rank` of `size`."""

    rank: int
    size: int
    device: torch.device
    clock: distributed.ProcessGroup | None = None  # over the CPU, to agree on the time

    @classmethod
    def assemble(cls) -> Team:
        """Join the processes that torchrun started; every one draws other random numbers."""
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        device = torch.device("cpu")
        if torch.cuda.is_available():
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        torch.manual_seed(rank)
        if size == 1:
            return cls(rank, size, device)
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE
        )
        clock = distributed.new_group(backend="gloo", timeout=PATIENCE)
        assert isinstance(clock, distributed.ProcessGroup)
        return cls(rank, size, device, clock)

    @property
    def leads(self) -> bool:
        """Whether this process writes files and says how it goes."""
        return self.rank == 0

    def agree(self, value: float) -> float:
        """The first process's value."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(shared, 0, group=self.clock)
        return shared.item()

    def share(self, network: nn.Module) -> None:
        """Give every process the first one's parameters and buffers."""
        if self.size > 1:
            for tensor in (*network.parameters(), *network.buffers()):
                distributed.broadcast(tensor.data, 0)

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its mean over the processes, all in one transfer."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def part(self) -> None:
        """Leave the others, at the very end."""
        if self.size > 1:
            distributed.destroy_process_group()
