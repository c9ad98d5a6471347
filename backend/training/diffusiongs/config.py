"""What is trained, as a JSON file says it; `configs/` has examples."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from splatsmith.engines.diffusiongs.denoiser import DenoiserConfig
from training.diffusiongs.objective import LossWeights
from training.diffusiongs.view_selection import AngleLimits, ViewCounts
from training.resumable_run import CosineRate, read_config


class SourceKind(StrEnum):
    """Where training data comes from; the values are names in configurations and commands."""

    PACK = "pack"  # pack_views
    RENDERED = "rendered"  # rendered_objects
    MVIMGNET_OBJECTS = "mvimgnet-objects"  # mvimgnet, with masks
    MVIMGNET_SCENES = "mvimgnet-scenes"


@dataclass(frozen=True)
class SourceConfig:
    """batch: samples in each step of each process.
    sides_share: of the samples, whose noisy views are the clean one's sides, as the engine arranges
        them; the others keep the limits.
    """

    batch: int
    limits: AngleLimits
    sides_share: float = 0.0


@dataclass(frozen=True)
class NetworkConfig:
    """The sizes of DenoiserConfig that training may choose; heads are always 64 wide."""

    width: int
    layers: int
    patch: int
    global_gaussians: int = 2

    @property
    def denoiser(self) -> DenoiserConfig:
        return DenoiserConfig(
            width=self.width,
            layers=self.layers,
            patch=self.patch,
            global_gaussians=self.global_gaussians,
        )


@dataclass(frozen=True)
class OptimizerConfig:
    """steps: of the whole training. rate: the peak learning rate, after `rising_steps`; from
    there a cosine to a hundredth of it.
    warmup_steps: with the point-distribution loss alone, of objects.
    """

    steps: int
    rate: float
    rising_steps: int
    warmup_steps: int
    average_decay: float = 0.999

    @property
    def learning_rate(self) -> CosineRate:
        return CosineRate(self.rate, self.rising_steps, self.steps)


@dataclass(frozen=True)
class TrainingConfig:
    """size: pixels a side of the views. seed: of weights, data and noise."""

    size: int
    seed: int
    network: NetworkConfig
    views: ViewCounts
    weights: LossWeights
    optimizer: OptimizerConfig
    sources: dict[SourceKind, SourceConfig]

    @classmethod
    def read(cls, file: Path) -> TrainingConfig:
        """Raises ValueError: a member is missing, unknown, or of a wrong kind."""
        return read_config(file, cls.of_json)

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> TrainingConfig:
        sources = {
            SourceKind(kind): SourceConfig(**{**each, "limits": AngleLimits(**each["limits"])})
            for kind, each in stored["sources"].items()
        }
        parts = {
            "network": NetworkConfig(**stored["network"]),
            "views": ViewCounts(**stored["views"]),
            "weights": LossWeights(**stored["weights"]),
            "optimizer": OptimizerConfig(**stored["optimizer"]),
        }
        return cls(**{**stored, **parts, "sources": sources})
