"""Metrics of the shipped weights, on an object of which the model knows many."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from splatsmith.engines.sprout.card import WEIGHTS
from splatsmith.engines.sprout.checkpoint import FOLDER, read_networks
from tests.backend.training.object_pack import box_arrays, write_pack
from training.image_metrics import Reconstruction, SingleViewTask, measure_reconstructions
from training.objects import read_index
from training.sprout.reconstruction import EngineReconstruction, render_on_cpu


def no_distance(images: Tensor, targets: Tensor) -> Tensor:
    """In place of the perceptual distance, whose network is not installed."""
    return torch.zeros(images.shape[:2])


@pytest.mark.slow
def test_box_is_reconstructed_from_one_picture(tmp_path: Path) -> None:
    # The unit sphere goes through its corners, as through those of all training objects.
    write_pack(tmp_path, {"box": box_arrays((1.15, 1.15, 1.15))})
    task = SingleViewTask.of(tmp_path, read_index(tmp_path))
    networks = read_networks(FOLDER / WEIGHTS.files[0].path)
    for settings, with_frames in (((0.0, 0), False), ((0.25, 1), True)):
        reconstruct = EngineReconstruction(networks, *settings)
        method = Reconstruction(reconstruct, render_on_cpu, "cpu", with_frames)
        ((psnr, iou, _),) = measure_reconstructions(task, method, no_distance).tolist()
        assert psnr > 20
        assert iou > 0.9
