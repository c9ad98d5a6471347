"""Two processes that train together, over the CPU."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

MEMBER = """
import json, sys
import torch
from training.distributed import Team

team = Team.assemble()
network = torch.nn.Linear(2, 1)
team.share(network)
start = network.weight.detach().clone()
(network(torch.ones(1, 2)).sum() * (team.rank + 1)).backward()
team.average_gradients(network.parameters())
drawn = torch.rand(1).item()
told = [start.tolist(), network.weight.grad.tolist(), team.agree(float(team.rank + 5)), drawn]
json.dump(told, open(sys.argv[1], "w"))
team.part()
"""


def test_processes_start_alike_average_gradients_and_agree(tmp_path: Path, project: Path) -> None:
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
    assert first[3] != second[3]  # each draws other random numbers
