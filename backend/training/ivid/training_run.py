"""A network, its optimizer and averaged weights; the steps of a run, and its state on disk."""

# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from splatsmith.diffusion.ddpm import TRAINING_STEPS
from splatsmith.engines.ivid.adm_unet import AdmUnet2d, AttentionBlock, ResBlock
from splatsmith.engines.ivid.checkpoint import FLOAT32_KEYS, config_metadata
from splatsmith.engines.ivid.sampling import ALPHAS_CUMPROD
from splatsmith.files import atomic_write
from training.distributed import DistributedContext
from training.ivid.batches import Batch, BatchSource
from training.ivid.config import Stage, TrainingConfig
from training.resumable_run import update_average

MAX_GRADIENT_NORM = 1.0


class TrainingRun:
    """Training by steps, so that a run that is resumed gives the same as one that is not."""

    def __init__(
        self, config: TrainingConfig, stage: Stage, source: BatchSource, context: DistributedContext
    ) -> None:
        self.config = config
        self.step = 0
        self._source = source
        self._context = context
        torch.manual_seed(config.seed)
        self.network = AdmUnet2d(config.network.of_stage(stage))
        initialize(self.network)
        self.network.to(context.device)
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(False)
        if context.device.type == "cuda":
            self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self._parameters: list[Tensor] = list(self.network.parameters())
        self._optimizer = torch.optim.AdamW(
            self._parameters, config.optimizer.rate, betas=(0.9, 0.999), weight_decay=0.0
        )
        self._alphas = torch.from_numpy(ALPHAS_CUMPROD).float().to(context.device)

    def advance(self) -> float:
        """One step; returns its loss in this process."""
        sequence = np.random.SeedSequence([self.config.seed, self.step, self._context.rank])
        batch = self._source.draw(np.random.default_rng(sequence), self._context.device)
        noise = torch.Generator(self._context.device)
        noise.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.optimizer.learning_rate.at(self.step)
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss(batch, noise)
        loss.backward()
        self._context.average_gradients(self._parameters)
        nn.utils.clip_grad_norm_(self._parameters, MAX_GRADIENT_NORM)
        self._optimizer.step()
        decay = self.config.optimizer.average_decay
        update_average(self.averaged, self.network, self.step, decay)
        self.step += 1
        return loss.item()

    def save(self, file: Path) -> None:
        """Write everything that resuming needs, atomically."""
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        with atomic_write(file) as part:
            torch.save(state, part)

    def load(self, file: Path) -> None:
        """Continue from a saved state of the same configuration."""
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]

    def _loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Mean squared error of the predicted noise (Ho et al. 2020)."""
        device, clean = self._context.device, batch.clean
        times = torch.randint(TRAINING_STEPS, clean.shape[:1], generator=generator, device=device)
        noise = torch.randn(clean.shape, generator=generator, device=device)
        alphas = self._alphas[times][:, None, None, None]
        x = alphas.sqrt() * clean + (1 - alphas).sqrt() * noise
        if batch.condition is not None:
            hidden = torch.randn(clean.shape, generator=generator, device=device)
            x = torch.cat([x, batch.condition.channels(hidden)], dim=1)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            predicted = self.network(x, times, batch.classes)
        return (predicted.float() - noise).square().mean()


@torch.no_grad()
def initialize(network: AdmUnet2d) -> None:
    """As in ADM: the last layers of blocks, and of the network, begin at zero."""
    last = [network.out[2]]
    for module in network.modules():
        if isinstance(module, ResBlock):
            last.append(module.out_layers[3])
        if isinstance(module, AttentionBlock):
            last.append(module.proj_out)
    for layer in last:
        for parameter in layer.parameters():
            parameter.zero_()


def save_weights(network: AdmUnet2d, file: Path) -> None:
    """Write the network as the engine loads it: published keys, blocks in float16."""
    tensors = {
        key: (tensor.float() if key.startswith(FLOAT32_KEYS) else tensor.half()).contiguous().cpu()
        for key, tensor in network.state_dict().items()
    }
    with atomic_write(file) as part:
        save_file(tensors, part, config_metadata(network.config))
