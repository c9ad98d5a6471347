"""One Gaussian for each row of the weights."""

from __future__ import annotations

from safetensors.torch import load_file

from splatsmith.engines.base import ConditioningCamera, EngineInputs, Generation
from splatsmith.progress import Progress
from splatsmith.representations.gaussians import GaussianSplats
from splatsmith.weights import files_of
from tests.backend.engines.mosaic.engine import make_tiles

from .card import CARD


class Quarry:
    def __init__(self, variant: str) -> None:
        (checkpoint,) = CARD.variant(variant).checkpoints
        (file,) = files_of(checkpoint, checkpoint.files[-1].path)
        self._body = load_file(file)["body.weight"].float().numpy()

    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        progress.step(1, 1)
        cloud = GaussianSplats(make_tiles(self._body))
        return Generation(cloud, ConditioningCamera(0.0, 2.0, 40.0))


def load(variant: str, device: str) -> Quarry:
    return Quarry(variant)
