"""Data-parallel training over two CPU processes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

from training.distributed import DistributedContext

MEMBER = """
import json, sys
import torch
from training.distributed import DistributedContext

context = DistributedContext.initialize()
network = torch.nn.Linear(2, 1)
context.broadcast_parameters(network)
start = network.weight.detach().clone()
(network(torch.ones(1, 2)).sum() * (context.rank + 1)).backward()
context.average_gradients(network.parameters())
value = context.broadcast_value(float(context.rank + 5))
random = torch.rand(1).item()
results = [start.tolist(), network.weight.grad.tolist(), value, random]
json.dump(results, open(sys.argv[1], "w"))
context.shutdown()
"""


def test_processes_share_weights_gradients_and_values(tmp_path: Path, project: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"PYTHONPATH": str(project / "backend"), "CUDA_VISIBLE_DEVICES": ""}
    members = [
        subprocess.Popen(
            [sys.executable, "-c", MEMBER, str(tmp_path / str(rank))],
            env={**shared, "RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [member.wait(60) for member in members] == [0, 0]
    first, second = (json.loads((tmp_path / str(rank)).read_text()) for rank in range(2))
    assert first[:3] == second[:3]
    assert first[1] == [[1.5, 1.5]]
    assert first[2] == 5.0
    assert first[3] != second[3]  # seeded by rank


def test_one_process_needs_no_process_group() -> None:
    context = DistributedContext.initialize()
    assert context.is_main
    assert context.broadcast_value(0.25) == 0.25
