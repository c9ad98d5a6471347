"""Optimisation against the clock: Muon for the blocks' matrices, AdamW for the rest, averaged
weights.
"""

# pyright: reportPrivateImportUsage=false, reportCallIssue=false, reportArgumentType=false
from __future__ import annotations

import copy
import math
import time
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.distributed import Team

WARM_UP = 200  # steps
STEADY = 0.45  # share of the time before the rate starts to fall


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal by five Newton-Schulz steps [Jordan et al. 2024], scaled to
    AdamW's step.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.02
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override] - no closure
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape].append(parameter)
            for same in by_shape.values():
                self._step_shape(same, group["lr"], group["momentum"], group["decay"])

    def _step_shape(
        self, parameters: list[Tensor], lr: float, momentum: float, decay: float
    ) -> None:
        gradients = [parameter.grad for parameter in parameters]
        buffers = [self.state[p].setdefault("momentum", torch.zeros_like(p)) for p in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        ahead = torch.stack(torch._foreach_lerp(gradients, buffers, momentum))
        rows, columns = ahead.shape[1:]
        square = (
            ahead.reshape(-1, columns, columns) if rows == 3 * columns else ahead
        )  # q, k and v one by one
        update = orthogonalise(square).reshape(ahead.shape) * (
            0.2 * math.sqrt(max(square.shape[1:]))
        )
        torch._foreach_mul_(parameters, 1 - lr * decay)
        torch._foreach_add_(parameters, list(update.to(parameters[0].dtype).unbind()), alpha=-lr)


def orthogonalise(matrices: Tensor) -> Tensor:
    """The nearest orthogonal matrices of [K, r, c], roughly, in bfloat16."""
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


class Trainer:
    """Optimisers, schedule and averaged weights of one or more networks for `seconds` of
    training.
    """

    def __init__(
        self, rates: dict[nn.Module, float], seconds: float, team: Team, average: float = 0.999
    ) -> None:
        """rates: the peak learning rate of each network. All processes start from the same
        weights.
        """
        for network in rates:
            team.share(network)
        self._team = team
        matrices, others = [], []
        for network, rate in rates.items():
            for name, parameter in network.named_parameters():
                hidden = "blocks." in name and parameter.dim() == 2 and "table" not in name
                (matrices if hidden else others).append({"params": [parameter], "lr": rate})
        self._optimizers = [Muon(_merge(matrices), 1e-3)]
        self._optimizers.append(
            torch.optim.AdamW(_merge(others), betas=(0.9, 0.98), weight_decay=0.0, fused=True)
        )
        self._rates = [
            [group["lr"] for group in optimizer.param_groups] for optimizer in self._optimizers
        ]
        self._parameters = [p for network in rates for p in network.parameters()]
        self.averaged = {
            network: copy.deepcopy(network).eval().requires_grad_(False) for network in rates
        }
        self._average = average
        self._seconds = seconds
        self._start = time.monotonic()
        self.fraction = 0.0  # of the time, that has passed
        self.steps = 0

    def step(self, loss: Tensor) -> None:
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._team.average_gradients(self._parameters)
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._set_rates()
        for optimizer in self._optimizers:
            optimizer.step()
        self._update_average()
        self.steps += 1
        self.fraction = self._team.agree((time.monotonic() - self._start) / self._seconds)

    def _set_rates(self) -> None:
        falling = max(0.0, (self.fraction - STEADY) / (1 - STEADY))
        scale = min(1.0, (self.steps + 1) / WARM_UP) * max(
            0.01, 0.5 + 0.5 * math.cos(math.pi * min(1.0, falling))
        )
        for optimizer, rates in zip(self._optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale

    @torch.no_grad()
    def _update_average(self) -> None:
        weight = 1 - min(self._average, (self.steps + 1) / (self.steps + 10))
        for network, averaged in self.averaged.items():
            torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), weight)


def _merge(groups: list[dict[str, object]]) -> list[dict[str, object]]:
    """One group for each learning rate."""
    merged: dict[object, list[object]] = defaultdict(list)
    for group in groups:
        merged[group["lr"]].extend(group["params"])  # type: ignore[arg-type]
    return [{"params": parameters, "lr": rate} for rate, parameters in merged.items()]


def compile_blocks(network: nn.Module) -> None:
    """Compile each transformer block by itself: quick to compile, and nearly as fast as the
    whole.
    """
    torch._dynamo.config.recompile_limit = 64  # blocks of several sizes share their code
    for name, module in network.named_modules():
        if name.rpartition(".")[0].endswith("blocks"):
            module.compile(dynamic=False)
