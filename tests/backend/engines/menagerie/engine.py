"""One cube of Gaussians for each class."""

from __future__ import annotations

from splatsmith.engines.base import ConditioningCamera, EngineInputs, Generation
from splatsmith.progress import Progress
from splatsmith.representations.gaussians import GaussianSplats
from tests.backend.engines.lattice.engine import make_cube

from .card import LABELS


class Menagerie:
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        progress.step(0, 1)
        cube = make_cube(LABELS.index(inputs.class_label), hollow=False)
        return Generation(GaussianSplats(cube), ConditioningCamera(15, 3, 40))


def load(variant: str, device: str) -> Menagerie:
    return Menagerie()
