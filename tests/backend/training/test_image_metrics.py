"""Metrics over views around an object."""

from __future__ import annotations

import torch

from training.image_metrics import SingleViewTask
from training.orbit_views import METRIC_ORBIT, as_images


def test_unseen_views_follow_the_input_view_around_the_orbit() -> None:
    views = torch.zeros(2, METRIC_ORBIT.count, 128, 128, 4, dtype=torch.uint8)
    views[..., :] = torch.arange(METRIC_ORBIT.count, dtype=torch.uint8).reshape(1, -1, 1, 1, 1)
    task = SingleViewTask(views, torch.tensor([0, 5]))
    unseen = (task.unseen(slice(0, 2))[:, :, 0, 0, 0] * 255).round().int()
    assert unseen[0].tolist() == list(range(1, 12))
    assert unseen[1].tolist() == [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4]
    assert as_images(views).shape == (2, 12, 4, 128, 128)
