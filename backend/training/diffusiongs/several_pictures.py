"""Print how well an object's unseen views are matched from one picture, and from two to four.

    python -m training.diffusiongs.several_pictures OBJECTS [--variant object-256] [--split val]
        [--limit 20] [--steps 30]

DiffusionGS runs on the weights that are installed, on a GPU where there is one. The pictures are
the front, right, back and left; the eight other views of METRIC_ORBIT are compared. The object
takes as much of a picture as of the view, and is centred there, as users' pictures are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splatsmith.conditioning.framing import opaque_box
from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import GaussianCloud
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.diffusiongs.card import CARD, FOREGROUND_RATIO, SIDES
from splatsmith.engines.diffusiongs.engine import DiffusionGS, load
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.progress import silent
from training.image_metrics import psnr_and_iou
from training.mesh_rasterizer import DISTANCE, FOV, SIZE
from training.objects import read_index
from training.orbit_views import METRIC_ORBIT, as_images, render_orbits

GIVEN = [METRIC_ORBIT.azimuths.index(azimuth) for azimuth in SIDES.values()]
UNSEEN = [index for index in range(METRIC_ORBIT.count) if index not in GIVEN]


@dataclass(frozen=True)
class Task:
    """An engine's variant on a device, and the steps of each generation."""

    variant: str
    device: str
    steps: int


def measure(views: Tensor, task: Task) -> Tensor:
    """PSNR and IoU [O, 4, 2], means over the unseen views, of one to four pictures.

    Args:
        views: [O, 12, 128, 128, 4] uint8, premultiplied, of METRIC_ORBIT.
    """
    engine = load(task.variant, task.device)
    return torch.stack([_measure_object(engine, each, task) for each in views])


def _measure_object(engine: DiffusionGS, views: Tensor, task: Task) -> Tensor:
    """[4, 2] of the views [12, 128, 128, 4] of one object."""
    pictures = [_picture(views[index].numpy()) for index in GIVEN]
    targets = as_images(views[UNSEEN])[None]
    metrics = []
    for count in range(1, len(GIVEN) + 1):
        cloud = _generate(engine, pictures[:count], task)
        image, alpha = _render_unseen(cloud, task.device)
        psnr, iou = psnr_and_iou(image[None], alpha[None], targets)
        metrics.append(torch.stack([psnr.mean(), iou.mean()]))
    return torch.stack(metrics)


def _picture(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA [H, W, 4] with straight alpha of a premultiplied view."""
    alpha = view[..., 3:].astype(np.float32) / 255
    colors = np.where(alpha > 0, view[..., :3] / np.maximum(alpha, 1e-3), 0)
    return np.concatenate([colors.clip(0, 255).astype(np.uint8), view[..., 3:]], -1)


def _generate(
    engine: DiffusionGS, pictures: Sequence[NDArray[np.uint8]], task: Task
) -> GaussianCloud:
    parameters = {
        "steps": task.steps,
        "elevation": METRIC_ORBIT.elevation,
        "foreground_ratio": _foreground_ratio(pictures[0]),
    }
    complete = CARD.check_parameters(CARD.variant(task.variant), parameters)
    given: dict[ConditionKind, NDArray[np.uint8]] = dict(zip(SIDES, pictures, strict=False))
    generation = engine.generate(EngineInputs("", task.variant, given, complete), silent())
    return generation.representation.gaussians(silent(), task.device)


def _foreground_ratio(picture: NDArray[np.uint8]) -> float:
    """As in the picture, within the parameter's range."""
    left, top, right, bottom = opaque_box(picture)
    least, most = FOREGROUND_RATIO.minimum, FOREGROUND_RATIO.maximum
    assert least is not None
    assert most is not None
    return float(np.clip(max(right - left, bottom - top) / SIZE, least, most))


def _render_unseen(cloud: GaussianCloud, device: str) -> tuple[Tensor, Tensor]:
    """RGB on white [8, 3, 128, 128] and alpha [8, 128, 128]."""
    azimuths = [METRIC_ORBIT.azimuths[index] for index in UNSEEN]
    cameras = orbit_cameras(azimuths, METRIC_ORBIT.elevation, DISTANCE, FOV, SIZE)
    rendered = rasterize(cloud, cameras, device=device)
    colors = torch.from_numpy(rendered.colors).permute(0, 3, 1, 2)
    return colors, torch.from_numpy(rendered.alphas)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("--variant", choices=("object-512", "object-256"), default="object-256")
    parser.add_argument("--split", choices=("train", "val", "test"), default="val")
    parser.add_argument("--limit", type=int, help="of the split's objects")
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    records = [each for each in read_index(arguments.objects) if each.split == arguments.split]
    views = render_orbits(arguments.objects, records[: arguments.limit], METRIC_ORBIT)
    metrics = measure(views, Task(arguments.variant, device, arguments.steps))
    print(f"{len(views)} objects, {len(UNSEEN)} unseen views of each, {METRIC_ORBIT}")
    for count, (psnr, iou) in enumerate(metrics.mean(0).tolist(), 1):
        print(f"pictures: {count}  PSNR {psnr:.2f} dB, IoU {iou:.3f}", flush=True)


if __name__ == "__main__":
    main()
