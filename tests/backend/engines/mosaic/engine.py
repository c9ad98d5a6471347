"""One Gaussian for each row of the weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from splatsmith.contract.cloud import GaussianCloud
from splatsmith.engines.base import ConditioningCamera, EngineInputs, Generation
from splatsmith.progress import Progress
from splatsmith.representations.gaussians import GaussianSplats
from splatsmith.weights import files_of

from .card import CARD


class Mosaic:
    def __init__(self, variant: str) -> None:
        checkpoint = CARD.variant(variant).checkpoints[1]
        (file,) = files_of(checkpoint, checkpoint.files[1].path)
        self._body = load_file(file)["body.weight"]

    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        progress.step(1, 1)
        cloud = GaussianSplats(make_tiles(self._body))
        return Generation(cloud, ConditioningCamera(0.0, 2.0, 40.0))


def load(variant: str, device: str) -> Mosaic:
    return Mosaic(variant)


def make_tiles(rows: NDArray[np.floating]) -> GaussianCloud:
    """A Gaussian at each of the rows' [N, 4] first three columns."""
    count = len(rows)
    return GaussianCloud(
        means=rows[:, :3].astype(np.float32),
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        scales=np.full((count, 3), 0.1, np.float32),
        opacities=np.ones(count, np.float32),
        sh0=np.zeros((count, 3), np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )
