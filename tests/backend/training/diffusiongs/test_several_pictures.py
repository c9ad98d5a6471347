"""The comparison of one picture with several, on a box and random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from splatsmith.settings import DATA_VARIABLE
from tests.backend.diffusiongs.tiny_denoisers import install_all
from tests.backend.training.object_pack import box_arrays, write_pack
from training.diffusiongs.several_pictures import GIVEN, UNSEEN, Task, measure
from training.objects import read_index
from training.orbit_views import METRIC_ORBIT, render_orbits


def test_the_given_views_are_the_sides_and_are_not_compared() -> None:
    assert [METRIC_ORBIT.azimuths[index] for index in GIVEN] == [0, 90, 180, 270]
    assert sorted(GIVEN + UNSEEN) == list(range(METRIC_ORBIT.count))


@pytest.mark.slow
def test_one_to_four_pictures_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    (tmp_path / "weights").mkdir()
    install_all(tmp_path / "weights")
    write_pack(tmp_path, {"box": box_arrays((0.6, 1.2, 0.9))})
    views = render_orbits(tmp_path, read_index(tmp_path), METRIC_ORBIT)

    metrics = measure(views, Task("object-256", "cpu", 4))

    assert metrics.shape == (1, 4, 2)
    assert torch.isfinite(metrics).all()
    assert len(set(metrics[0, :, 0].tolist())) == 4
