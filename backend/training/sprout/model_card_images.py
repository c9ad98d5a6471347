"""Images of the model card: samples beside similar training objects, and the worst failures.

    python -m training.sprout.model_card_images OBJECTS FOLDER

Writes FOLDER/neighbours.jpg: of each validation prompt the sample of seed 0 and the three training
objects that look most like it. Writes FOLDER/failures.jpg: of the ten validation objects with the
lowest silhouette IoU a row each: the picture, then from three unseen views the object, its
reconstruction with default settings, and the nearest training object. metric_networks.py says what
must be installed beside the backend.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from splatsmith.engines.sprout.card import WEIGHTS
from splatsmith.engines.sprout.checkpoint import FOLDER, read_networks
from training.image_metrics import (
    NearestTrainingView,
    Reconstruction,
    SingleViewTask,
    psnr_and_iou,
)
from training.objects import ObjectRecord, read_index
from training.orbit_views import RETRIEVAL_ORBIT, as_images, render_orbits
from training.sprout.reconstruction import DEFAULT_SETTINGS, EngineReconstruction, render_on_cpu
from training.sprout.text_dataset import VALIDATION_PROMPTS
from training.sprout.text_metrics import ObjectRecognizer, PromptRenderer
from training.sprout.validation import Networks
from training.view_dataset import on_white

NEIGHBORS = 3
COLUMNS = 4  # prompts per row
FAILURES = 10
SHOWN_VIEWS = torch.tensor([1, 5, 8])  # of the eleven: 60, 180 and 270 degrees from the picture


def neighbors_image(objects: Path, training: list[ObjectRecord], networks: Networks) -> Tensor:
    """[3, H, W]: samples of the prompts, each with the training objects that look most like it."""
    samples, _ = PromptRenderer(networks, render_on_cpu, "cpu")(list(VALIDATION_PROMPTS), 0)
    nearest = ObjectRecognizer(objects, training, "cpu").nearest(samples)
    cells = []
    for sample, records in zip(samples, nearest, strict=True):
        views = render_orbits(objects, records[:NEIGHBORS], RETRIEVAL_ORBIT)[:, 0]
        cells.append(_row([sample[0], *on_white(as_images(views))]))
    return _grid(cells, COLUMNS)


def failures_image(objects: Path, records: list[ObjectRecord], networks: Networks) -> Tensor:
    """[3, H, W]: the validation objects whose silhouettes are reconstructed worst."""
    task = SingleViewTask.of(objects, [record for record in records if record.split == "val"])
    reconstruct = EngineReconstruction(networks, *DEFAULT_SETTINGS)
    method = Reconstruction(reconstruct, render_on_cpu, "cpu")
    images, ious = [], []
    for rows in task.batches():
        image, alpha = method.unseen_views(task, rows)
        images.append(image)
        ious.append(psnr_and_iou(image, alpha, task.unseen(rows))[1].mean(1))
    training = [record for record in records if record.split == "train"]
    baseline = NearestTrainingView.of(objects, training)
    reconstructed, cells = torch.cat(images), []
    for index in torch.cat(ious).argsort()[:FAILURES].tolist():
        rows = slice(index, index + 1)
        picture = task.inputs(rows).pictures
        truth = on_white(task.unseen(rows)[0, SHOWN_VIEWS])
        nearest = on_white(baseline.retrieve(picture)[0, SHOWN_VIEWS])
        made = reconstructed[index, SHOWN_VIEWS]
        cells.append(_row([picture[0, :3] / 2 + 0.5, *truth, *made, *nearest]))
    return _grid(cells, 1)


def _row(images: list[Tensor]) -> Tensor:
    return torch.cat(images, dim=2)


def _grid(cells: list[Tensor], columns: int) -> Tensor:
    blank = torch.ones_like(cells[0])
    cells = cells + [blank] * (-len(cells) % columns)
    starts = range(0, len(cells), columns)
    return torch.cat([_row(cells[start : start + columns]) for start in starts], dim=1)


def _save(image: Tensor, file: Path) -> None:
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, quality=88)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    denoiser, decoder = read_networks(FOLDER / WEIGHTS.files[0].path)
    networks = (denoiser, decoder.requires_grad_(False))
    records = read_index(arguments.objects)
    training = [record for record in records if record.split == "train"]
    folder = arguments.folder
    _save(neighbors_image(arguments.objects, training, networks), folder / "neighbours.jpg")
    _save(failures_image(arguments.objects, records, networks), folder / "failures.jpg")


if __name__ == "__main__":
    main()
