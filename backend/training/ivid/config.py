"""What is trained, as a JSON file says it; `configs/` has examples."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from splatsmith.engines.ivid.adm_unet import CONDITIONED_CHANNELS, RGBD, AdmUnetConfig
from splatsmith.engines.ivid.card import CLASS_LABELS
from training.resumable_run import CosineRate, read_config


class Stage(StrEnum):
    """Which of both networks; the values are names in commands and of files."""

    FIRST = "uncond"  # the first view, from noise
    FURTHER = "cond"  # a further view, over what earlier ones show of it

    @property
    def channels(self) -> int:
        return RGBD if self is Stage.FIRST else CONDITIONED_CHANNELS


@dataclass(frozen=True)
class NetworkConfig:
    """The sizes of AdmUnetConfig that training may choose. size: pixels a side of the pictures.

    has_classes: whether it takes ImageNet's labels.
    """

    size: int
    model_channels: int
    res_blocks: int
    channel_mult: tuple[int, ...]
    attention_resolutions: tuple[int, ...]
    has_classes: bool = False
    groups: int = 32
    head_channels: int = 64

    def of_stage(self, stage: Stage) -> AdmUnetConfig:
        return AdmUnetConfig(
            image_size=self.size,
            in_channels=stage.channels,
            model_channels=self.model_channels,
            res_blocks=self.res_blocks,
            classes=len(CLASS_LABELS) if self.has_classes else 0,
            channel_mult=self.channel_mult,
            attention_resolutions=self.attention_resolutions,
            groups=self.groups,
            head_channels=self.head_channels,
        )


@dataclass(frozen=True)
class OptimizerConfig:
    """steps: of the whole training. rate: the peak learning rate, after `rising_steps`; from there
    a cosine to a hundredth of it. batch: pictures in each step of each process.
    """

    steps: int
    rate: float
    rising_steps: int
    batch: int
    average_decay: float = 0.9999

    @property
    def learning_rate(self) -> CosineRate:
        return CosineRate(self.rate, self.rising_steps, self.steps)


@dataclass(frozen=True)
class TrainingConfig:
    """seed: of weights, data and noise. classless_share: of the pictures, whose class is hidden, so
    that guidance is possible. mirrored: whether half of the pictures are mirrored.
    warps: conditions that are made of each picture, for Stage.FURTHER.
    """

    seed: int
    network: NetworkConfig
    optimizer: OptimizerConfig
    classless_share: float = 0.1
    mirrored: bool = True
    warps: int = 4

    @classmethod
    def read(cls, file: Path) -> TrainingConfig:
        """Raises ValueError: a member is missing, unknown, or of a wrong kind."""
        return read_config(file, cls.of_json)

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> TrainingConfig:
        network = stored["network"]
        lists = {name: tuple(network[name]) for name in ("channel_mult", "attention_resolutions")}
        parts = {
            "network": NetworkConfig(**{**network, **lists}),
            "optimizer": OptimizerConfig(**stored["optimizer"]),
        }
        return cls(**{**stored, **parts})
