"""Print all metrics of the shipped weights, or of others; on a GPU where there is one.

    python -m training.sprout.evaluate OBJECTS [--weights FILE] [--split val] [--limit 40]
        [--only pictures | --only texts]

From one picture, over the unseen views: the direct estimate (detail 0), what the engine samples
from it, each with and without refinement and frames, and the nearest training object; for all
objects, and for those whose surface overlaps every training object by less than overlap.LOW. From
texts: nouns, colors, synonyms. metric_networks.py says what must be installed beside the backend.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from splatsmith.engines.sprout.card import WEIGHTS
from splatsmith.engines.sprout.checkpoint import FOLDER, read_networks
from training.image_metrics import (
    ImageMetrics,
    NearestTrainingView,
    Reconstruction,
    SingleViewTask,
    measure_nearest_objects,
    measure_reconstructions,
)
from training.metric_networks import PerceptualDistance
from training.objects import ObjectRecord, read_index
from training.orbit_views import METRIC_ORBIT
from training.sprout.reconstruction import DEFAULT_SETTINGS, EngineReconstruction, renderer_for
from training.sprout.text_metrics import (
    ObjectRecognizer,
    PromptRenderer,
    color_accuracy,
    most_common_nouns,
    noun_accuracy,
    synonym_accuracy,
)
from training.sprout.validation import Networks
from training.surface_overlap import LOW, Overlap, count_by_overlap, measure_overlaps

SETTINGS = ((0.0, 0), (0.0, 10), (0.25, 0), DEFAULT_SETTINGS)  # detail, refinement steps


@dataclass(frozen=True)
class Pack:
    """A folder of objects, those to train on, and those to evaluate."""

    folder: Path
    training: list[ObjectRecord]
    evaluated: list[ObjectRecord]


def report_pictures(pack: Pack, networks: Networks, device: str) -> None:
    """Print the metrics of the baseline, and of the engine for each setting."""
    print(f"{len(pack.evaluated)} objects, one picture of each, {METRIC_ORBIT}")
    overlaps = measure_overlaps(pack.folder, pack.evaluated, pack.training)
    print(f"best surface overlap with a training object: {count_by_overlap(overlaps)}")
    task = SingleViewTask.of(pack.folder, pack.evaluated)
    distance = PerceptualDistance(device)
    training = NearestTrainingView.of(pack.folder, pack.training)
    nearest = measure_nearest_objects(task, training, distance)
    print_metrics("nearest training object", nearest, overlaps)
    for with_frames, (detail, steps) in itertools.product((False, True), SETTINGS):
        reconstruct = EngineReconstruction(networks, detail, steps)
        method = Reconstruction(reconstruct, renderer_for(device), device, with_frames)
        title = f"detail {detail}, {steps} refinement steps{', framing kept' * with_frames}"
        print_metrics(title, measure_reconstructions(task, method, distance), overlaps)


def print_metrics(title: str, metrics: Tensor, overlaps: list[Overlap]) -> None:
    """`metrics` [O, 3] of single objects: means over all, and over those of low overlap."""
    low = torch.tensor([overlap.iou < LOW for overlap in overlaps])
    print(f"{title}: {ImageMetrics.mean(metrics)}", flush=True)
    print(f"    overlap below {LOW}: {ImageMetrics.mean(metrics[low])}", flush=True)


def report_texts(pack: Pack, networks: Networks, device: str) -> None:
    """Print how often nouns, colors and synonyms are generated as asked."""
    renderer = PromptRenderer(networks, renderer_for(device), device)
    recognizer = ObjectRecognizer(pack.folder, pack.training, device)
    nouns = most_common_nouns(pack.training)
    accuracies: dict[str, Callable[[], dict[str, float]]] = {
        f"{len(nouns)} nouns": lambda: noun_accuracy(renderer, recognizer, nouns),
        "colors": lambda: color_accuracy(renderer),
        "synonyms": lambda: synonym_accuracy(renderer, recognizer),
    }
    for title, measure in accuracies.items():
        shares = measure()
        mean = sum(shares.values()) / len(shares)
        listed = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        print(f"{title}: {mean:.1%} as asked ({listed})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("--weights", type=Path, default=FOLDER / WEIGHTS.files[0].path)
    parser.add_argument("--split", choices=("train", "val", "test"), default="val")
    parser.add_argument("--limit", type=int, help="of the split's objects")
    parser.add_argument("--only", choices=("pictures", "texts"))
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    denoiser, decoder = read_networks(arguments.weights)
    networks = (denoiser.to(device), decoder.to(device).requires_grad_(False))
    records = read_index(arguments.objects)
    training = [record for record in records if record.split == "train"]
    evaluated = [record for record in records if record.split == arguments.split]
    pack = Pack(arguments.objects, training, evaluated[: arguments.limit])
    if arguments.only != "texts":
        report_pictures(pack, networks, device)
    if arguments.only != "pictures":
        report_texts(pack, networks, device)


if __name__ == "__main__":
    main()
