"""Pictures for the model card: samples beside what they resemble, and what fails most.

    python -m training.sprout.model_card_images OBJECTS FOLDER

Writes FOLDER/neighbours.jpg, of each prompt the asset of seed 0 and the three training objects
that look most like it, and FOLDER/failures.jpg, of the validation objects with the lowest
silhouette IoU one in a row: the picture, then from three unseen sides the object, what was made of
the picture by default, and the nearest training object. `features.py` says what must be installed
beside the backend.
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
from training.image_metrics import NearestTrainingView, SingleViewTask, render_reconstructions
from training.objects import ObjectRecord, read_index
from training.orbit_views import RETRIEVAL_ORBIT, as_images, render_orbits
from training.sprout.evaluate import DEFAULT, EngineReconstruction, Networks, render_on_cpu
from training.sprout.text_dataset import VALIDATION_PROMPTS
from training.sprout.text_metrics import ObjectRecognizer, PromptRenderer
from training.sprout.validation import psnr_and_iou
from training.view_dataset import on_white

SHOWN = 3  # neighbours, and unseen sides
COLUMNS = 4  # prompts in a row
WORST = 10
SIDES = torch.tensor([1, 5, 8])  # of the eleven: 60, 180 and 270 degrees from the picture


def neighbours(objects: Path, known: list[ObjectRecord], networks: Networks) -> Tensor:
    """[3, H, W]: prompts' assets, each with the training objects that look most like it."""
    looks, _ = PromptRenderer(networks, render_on_cpu, "cpu").looks(list(VALIDATION_PROMPTS), 0)
    cells = []
    for look, found in zip(
        looks, ObjectRecognizer(objects, known, "cpu").nearest(looks), strict=True
    ):
        drawn = render_orbits(objects, found[:SHOWN], RETRIEVAL_ORBIT)[:, 0]
        cells.append(_row([look[0], *on_white(as_images(drawn))]))
    return _grid(cells, COLUMNS)


def failures(objects: Path, records: list[ObjectRecord], networks: Networks) -> Tensor:
    """[3, H, W]: the validation objects of which the engine makes least."""
    task = SingleViewTask.of(objects, [record for record in records if record.split == "val"])
    make = EngineReconstruction(networks, *DEFAULT)
    images, overlaps = [], []
    for rows in task.parts():
        image, alpha = render_reconstructions(task, rows, make, render_on_cpu, "cpu", framed=False)
        images.append(image)
        overlaps.append(psnr_and_iou(image, alpha, task.unseen(rows))[1].mean(1))
    known = NearestTrainingView.of(
        objects, [record for record in records if record.split == "train"]
    )
    made, cells = torch.cat(images), []
    for index in torch.cat(overlaps).argsort()[:WORST].tolist():
        rows = slice(index, index + 1)
        picture = task.pictures(rows).pictures
        truth = on_white(task.unseen(rows)[0, SIDES])
        found = on_white(known.nearest(picture)[0, SIDES])
        cells.append(_row([picture[0, :3] / 2 + 0.5, *truth, *made[index, SIDES], *found]))
    return _grid(cells, 1)


def _row(pictures: list[Tensor]) -> Tensor:
    return torch.cat(pictures, dim=2)


def _grid(cells: list[Tensor], columns: int) -> Tensor:
    blank = torch.ones_like(cells[0])
    cells = cells + [blank] * (-len(cells) % columns)
    starts = range(0, len(cells), columns)
    return torch.cat([_row(cells[start : start + columns]) for start in starts], dim=1)


def _save(sheet: Tensor, file: Path) -> None:
    pixels = (sheet.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, quality=88)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    denoiser, decoder = read_networks(FOLDER / WEIGHTS.files[0].path)
    networks = (denoiser, decoder.requires_grad_(False))
    records = read_index(arguments.objects)
    known = [record for record in records if record.split == "train"]
    _save(neighbours(arguments.objects, known, networks), arguments.folder / "neighbours.jpg")
    _save(failures(arguments.objects, records, networks), arguments.folder / "failures.jpg")


if __name__ == "__main__":
    main()
