"""Networks, optimizers and averaged weights of a run; its steps, and its state on disk."""

# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.files import atomic_write
from splatsmith.nn.efficientnet import EfficientNetLite
from training.diffusiongs.batches import BatchSource
from training.diffusiongs.config import OptimizerConfig, TrainingConfig
from training.diffusiongs.networks import SubjectDenoisers, autocast_blocks
from training.diffusiongs.objective import (
    DiffusionNoise,
    TrainingBatch,
    image_losses,
    point_distribution_loss,
    predict,
)
from training.distributed import DistributedContext
from training.optimizer import Muon
from training.resumable_run import update_average

MAX_GRADIENT_NORM = 0.5  # as in the released configuration


@dataclass(frozen=True)
class StepSeeds:
    """Random numbers of a step in one process, the same whenever it is computed."""

    data: np.random.Generator
    noise: torch.Generator

    @classmethod
    def of(cls, seed: int, step: int, context: DistributedContext) -> StepSeeds:
        sequence = np.random.SeedSequence([seed, step, context.rank])
        noise = torch.Generator(context.device)
        noise.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        return cls(np.random.default_rng(sequence), noise)


class TrainingRun:
    """Training by steps, so that a run that is resumed gives the same as one that is not."""

    def __init__(
        self,
        config: TrainingConfig,
        sources: list[BatchSource],
        context: DistributedContext,
        classifier: EfficientNetLite | None = None,
    ) -> None:
        """`classifier`: for the perceptual loss, frozen, on the context's device."""
        self.config = config
        self.step = 0
        self._sources = sources
        self._context = context
        self._classifier = classifier
        torch.manual_seed(config.seed)
        subjects = {source.subject for source in sources}
        self.networks = SubjectDenoisers(config.network.denoiser, subjects).to(context.device)
        self.averaged = copy.deepcopy(self.networks).requires_grad_(False)
        if context.device.type == "cuda":
            autocast_blocks(self.networks, context.device)
        self._parameters: list[Tensor] = list(self.networks.parameters())
        self._optimizers = _make_optimizers(self.networks, config.optimizer)

    def advance(self) -> dict[str, Tensor]:
        """One step on a batch of every source; returns its losses."""
        seeds = StepSeeds.of(self.config.seed, self.step, self._context)
        self._set_rates()
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses: dict[str, Tensor] = {}
        for source in self._sources:
            batch = source.draw(seeds.data, self._context.device)
            noise = DiffusionNoise.draw(batch, seeds.noise)
            parts = self._losses(batch, noise)
            (sum(parts.values(), torch.zeros(())) / len(self._sources)).backward()
            losses |= {f"{batch.subject} {name}": loss.detach() for name, loss in parts.items()}
        self._context.average_gradients(self._parameters)
        nn.utils.clip_grad_norm_(self._parameters, MAX_GRADIENT_NORM)
        for optimizer in self._optimizers:
            optimizer.step()
        decay = self.config.optimizer.average_decay
        update_average(self.averaged, self.networks, self.step, decay)
        self.step += 1
        return losses

    def save(self, file: Path) -> None:
        """Write everything that resuming needs, atomically."""
        state = {
            "step": self.step,
            "networks": self.networks.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }
        with atomic_write(file) as part:
            torch.save(state, part)

    def load(self, file: Path) -> None:
        """Continue from a saved state of the same configuration."""
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        self.networks.load_state_dict(state["networks"])
        self.averaged.load_state_dict(state["averaged"])
        for optimizer, stored in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)
        self.step = state["step"]

    def _losses(self, batch: TrainingBatch, noise: DiffusionNoise) -> dict[str, Tensor]:
        gaussians, rays = predict(self.networks.of(batch.subject), batch, noise)
        in_warmup = self.step < self.config.optimizer.warmup_steps
        if in_warmup and batch.subject is Subject.OBJECT:
            return {"points": point_distribution_loss(gaussians, rays, batch.inputs)}
        return image_losses(gaussians, batch, self.config.weights, self._classifier)

    def _set_rates(self) -> None:
        rate = self.config.optimizer.learning_rate.at(self.step)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate


def _make_optimizers(
    networks: nn.Module, config: OptimizerConfig
) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the blocks' matrices, AdamW for the rest."""
    matrices, others = [], []
    for name, parameter in networks.named_parameters():
        is_matrix = ".blocks." in name and parameter.dim() == 2
        (matrices if is_matrix else others).append(parameter)
    adam = torch.optim.AdamW(others, config.rate, betas=(0.9, 0.99), weight_decay=0.0)
    return Muon(matrices, config.rate), adam
