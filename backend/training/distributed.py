"""Data-parallel training: one process per GPU, gradients averaged over all of them.

    torchrun --nproc-per-node 4 -m training.sprout.train ...

Without torchrun there is one process and every function here is a no-op.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

TIMEOUT = timedelta(minutes=10)  # longer than the main process needs for its reports


@dataclass(frozen=True)
class DistributedContext:
    """This process is `rank` of `size`."""

    rank: int
    size: int
    device: torch.device
    cpu_group: distributed.ProcessGroup | None = None  # gloo, for values that are not on the GPU

    @classmethod
    def initialize(cls) -> DistributedContext:
        """Join the process group that torchrun set up; torch's seed is the rank."""
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        device = torch.device("cpu")
        if torch.cuda.is_available():
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        torch.manual_seed(rank)
        if size == 1:
            return cls(rank, size, device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
        cpu_group = distributed.new_group(backend="gloo", timeout=TIMEOUT)
        assert isinstance(cpu_group, distributed.ProcessGroup)
        return cls(rank, size, device, cpu_group)

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and logs."""
        return self.rank == 0

    def broadcast_value(self, value: float) -> float:
        """The value that rank 0 passes."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(shared, 0, group=self.cpu_group)
        return shared.item()

    def broadcast_parameters(self, network: nn.Module) -> None:
        """Overwrite parameters and buffers with those of rank 0."""
        if self.size > 1:
            for tensor in (*network.parameters(), *network.buffers()):
                distributed.broadcast(tensor.data, 0)

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its mean over the processes, in one all-reduce."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def shutdown(self) -> None:
        """Destroy the process group."""
        if self.size > 1:
            distributed.destroy_process_group()
