"""Print the metrics of trained weights beside those of sprout; on a GPU where there is one.

    python -m training.diffusiongs.evaluate OBJECTS WEIGHTS [--size 128] [--steps 30]
        [--split val] [--limit 40] [--no-perceptual]

The protocol is that of training.sprout.evaluate: from one picture of each object of the split, over
its 11 unseen views; for all objects, and for those whose surface overlaps every training object by
less than overlap.LOW. DiffusionGS samples with the picture centered, and with its frame kept.
metric_networks.py says what ST-LPIPS needs; without it, it is left out.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from splatsmith.engines.diffusiongs.card import Subject
from splatsmith.engines.diffusiongs.checkpoint import load_denoiser
from splatsmith.engines.diffusiongs.denoiser import Denoiser
from splatsmith.engines.sprout.card import WEIGHTS as SPROUT_WEIGHTS
from splatsmith.engines.sprout.checkpoint import FOLDER as SPROUT_FOLDER
from splatsmith.engines.sprout.checkpoint import read_networks
from splatsmith.nn.checkpoint_files import TensorFiles
from splatsmith.nn.checkpoint_loading import LoadOptions
from training.diffusiongs.reconstruction import DiffusionReconstruction
from training.image_metrics import (
    Distance,
    NearestTrainingView,
    Reconstruct,
    Reconstruction,
    SingleViewTask,
    measure_nearest_objects,
    measure_reconstructions,
)
from training.metric_networks import PerceptualDistance
from training.objects import read_index
from training.orbit_views import METRIC_ORBIT
from training.sprout.evaluate import Pack, print_metrics
from training.sprout.reconstruction import DEFAULT_SETTINGS, EngineReconstruction, renderer_for
from training.surface_overlap import count_by_overlap, measure_overlaps


@dataclass(frozen=True)
class EvaluatedWeights:
    """A trained network for objects, and how it is sampled."""

    denoiser: Denoiser
    size: int
    steps: int


def report(pack: Pack, weights: EvaluatedWeights, distance: Distance, device: str) -> None:
    """Print the metrics of the nearest training object, sprout, and DiffusionGS."""
    print(f"{len(pack.evaluated)} objects, one picture of each, {METRIC_ORBIT}")
    overlaps = measure_overlaps(pack.folder, pack.evaluated, pack.training)
    print(f"best surface overlap with a training object: {count_by_overlap(overlaps)}")
    task = SingleViewTask.of(pack.folder, pack.evaluated)
    training = NearestTrainingView.of(pack.folder, pack.training)
    nearest = measure_nearest_objects(task, training, distance)
    print_metrics("nearest training object", nearest, overlaps)
    methods = {
        "sprout": _sprout(device),
        f"DiffusionGS, {weights.steps} steps": DiffusionReconstruction(
            weights.denoiser, weights.size, weights.steps
        ),
    }
    for (name, reconstruct), with_frames in itertools.product(methods.items(), (False, True)):
        method = Reconstruction(reconstruct, renderer_for(device), device, with_frames)
        title = f"{name}{', framing kept' * with_frames}"
        print_metrics(title, measure_reconstructions(task, method, distance), overlaps)


def _sprout(device: str) -> Reconstruct:
    denoiser, decoder = read_networks(SPROUT_FOLDER / SPROUT_WEIGHTS.files[0].path)
    networks = (denoiser.to(device), decoder.to(device).requires_grad_(False))
    return EngineReconstruction(networks, *DEFAULT_SETTINGS)


def unknown_distance(images: Tensor, targets: Tensor) -> Tensor:
    """Stands for a perceptual distance that is not computed: NaN [B, C]."""
    return torch.full(images.shape[:2], torch.nan)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("weights", type=Path, help="object.safetensors of a training")
    parser.add_argument("--size", type=int, default=128, help="of the views it was trained on")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--split", choices=("train", "val", "test"), default="val")
    parser.add_argument("--limit", type=int, help="of the split's objects")
    parser.add_argument("--no-perceptual", action="store_true")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    options = LoadOptions(device, torch.float16 if device == "cuda" else torch.float32)
    denoiser = load_denoiser(TensorFiles((arguments.weights,)), Subject.OBJECT, options)
    records = read_index(arguments.objects)
    training = [record for record in records if record.split == "train"]
    evaluated = [record for record in records if record.split == arguments.split]
    pack = Pack(arguments.objects, training, evaluated[: arguments.limit])
    distance = unknown_distance if arguments.no_perceptual else PerceptualDistance(device)
    report(pack, EvaluatedWeights(denoiser, arguments.size, arguments.steps), distance, device)


if __name__ == "__main__":
    main()
