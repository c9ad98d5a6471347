"""Training batches of view sources, reproducible by step: nothing has to be stored to resume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from splatsmith.engines.diffusiongs.card import Subject
from training.diffusiongs.config import SourceConfig
from training.diffusiongs.objective import TrainingBatch
from training.diffusiongs.posed_views import Pixels, ViewSource, network_poses
from training.diffusiongs.view_selection import ViewCounts, select_sides, select_views


@dataclass(frozen=True)
class BatchSource:
    """Random batches of a source."""

    source: ViewSource
    config: SourceConfig
    counts: ViewCounts

    @property
    def subject(self) -> Subject:
        return self.source.subject

    def draw(self, rng: np.random.Generator, device: torch.device) -> TrainingBatch:
        """A batch of random objects, each with views that are selected at random."""
        samples = [self._sample(rng) for _ in range(self.config.batch)]
        rgba, c2w, fxfycxcy = (np.stack(part) for part in zip(*samples, strict=True))
        images = torch.from_numpy(rgba).to(device).movedim(-1, -3).float() / 255
        return TrainingBatch(
            self.subject,
            images[:, :, :3] + 1 - images[:, :, 3:],
            torch.from_numpy(c2w).float().to(device),
            torch.from_numpy(fxfycxcy).float().to(device),
            self.counts.inputs,
        )

    def _sample(self, rng: np.random.Generator) -> tuple[Pixels, np.ndarray, np.ndarray]:
        views = self.source[int(rng.integers(len(self.source)))]
        if rng.random() < self.config.sides_share:
            chosen = select_sides(views.c2w, self.counts, rng)
        else:
            chosen = select_views(views.c2w, self.counts, self.config.limits, rng)
        c2w = network_poses(views.c2w[chosen], self.subject, self.counts.inputs)
        return views.read(chosen.tolist()), c2w, views.fxfycxcy[chosen]
