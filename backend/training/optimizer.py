"""Training for a fixed time: Muon for the blocks' matrices, AdamW for the rest, EMA weights."""

# pyright: reportPrivateImportUsage=false, reportCallIssue=false, reportArgumentType=false
from __future__ import annotations

import copy
import math
import time
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.distributed import DistributedContext

WARMUP_STEPS = 200
CONSTANT_SHARE = 0.45  # of the time at the peak learning rate; then a cosine to a hundredth


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalized by five Newton-Schulz steps [Jordan et al. 2024] and
    scaled to the size of AdamW's updates.
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
        nesterov = torch.stack(torch._foreach_lerp(gradients, buffers, momentum))
        rows, columns = nesterov.shape[1:]
        square = (
            nesterov.reshape(-1, columns, columns) if rows == 3 * columns else nesterov
        )  # q, k and v separately
        update = orthogonalize(square).reshape(nesterov.shape) * (
            0.2 * math.sqrt(max(square.shape[1:]))
        )
        torch._foreach_mul_(parameters, 1 - lr * decay)
        torch._foreach_add_(parameters, list(update.to(parameters[0].dtype).unbind()), alpha=-lr)


def orthogonalize(matrices: Tensor) -> Tensor:
    """Approximate polar factors of matrices [K, r, c], in bfloat16."""
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


class Trainer:
    """Optimizers, learning rate schedule and EMA of the weights, for `seconds` of training."""

    def __init__(
        self,
        peak_rates: dict[nn.Module, float],
        seconds: float,
        context: DistributedContext,
        ema_decay: float = 0.999,
    ) -> None:
        """`peak_rates`: the peak learning rate of each network. Rank 0's weights are broadcast."""
        for network in peak_rates:
            context.broadcast_parameters(network)
        self._context = context
        matrices, others = [], []
        for network, rate in peak_rates.items():
            for name, parameter in network.named_parameters():
                hidden = "blocks." in name and parameter.dim() == 2 and "table" not in name
                (matrices if hidden else others).append({"params": [parameter], "lr": rate})
        self._optimizers = [Muon(_merge(matrices), 1e-3)]
        self._optimizers.append(
            torch.optim.AdamW(_merge(others), betas=(0.9, 0.98), weight_decay=0.0, fused=True)
        )
        self._peak_rates = [
            [group["lr"] for group in optimizer.param_groups] for optimizer in self._optimizers
        ]
        self._parameters = [p for network in peak_rates for p in network.parameters()]
        self.averaged = {
            network: copy.deepcopy(network).eval().requires_grad_(False) for network in peak_rates
        }
        self._ema_decay = ema_decay
        self._seconds = seconds
        self._started = time.monotonic()
        self.fraction = 0.0  # of the time that has passed
        self.steps = 0

    def step(self, loss: Tensor) -> None:
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._context.average_gradients(self._parameters)
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._set_rates()
        for optimizer in self._optimizers:
            optimizer.step()
        self._update_average()
        self.steps += 1
        self.fraction = self._context.broadcast_value(
            (time.monotonic() - self._started) / self._seconds
        )

    def _set_rates(self) -> None:
        falling = max(0.0, (self.fraction - CONSTANT_SHARE) / (1 - CONSTANT_SHARE))
        scale = min(1.0, (self.steps + 1) / WARMUP_STEPS) * max(
            0.01, 0.5 + 0.5 * math.cos(math.pi * min(1.0, falling))
        )
        for optimizer, learning_rates in zip(self._optimizers, self._peak_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, learning_rates, strict=True):
                group["lr"] = rate * scale

    @torch.no_grad()
    def _update_average(self) -> None:
        weight = 1 - min(self._ema_decay, (self.steps + 1) / (self.steps + 10))
        for network, averaged in self.averaged.items():
            torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), weight)


def _merge(groups: list[dict[str, object]]) -> list[dict[str, object]]:
    """One parameter group for each learning rate."""
    merged: dict[object, list[object]] = defaultdict(list)
    for group in groups:
        merged[group["lr"]].extend(group["params"])  # type: ignore[arg-type]
    return [{"params": parameters, "lr": rate} for rate, parameters in merged.items()]


def compile_blocks(network: nn.Module) -> None:
    """Compile each transformer block by itself, which takes far less time than the whole."""
    torch._dynamo.config.recompile_limit = 64  # blocks of several sizes share their code
    for name, module in network.named_modules():
        if name.rpartition(".")[0].endswith("blocks"):
            module.compile(dynamic=False)
