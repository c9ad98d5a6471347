"""The engine's sampling in the protocol of metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from splatsmith.engines.diffusiongs.card import Subject
from tests.backend.diffusiongs.tiny_denoisers import TINY, random_denoiser
from tests.backend.training.object_pack import box_arrays, write_pack
from training.diffusiongs.evaluate import EvaluatedWeights, report, unknown_distance
from training.diffusiongs.reconstruction import (
    HALF_EXTENT,
    DiffusionReconstruction,
    training_views,
    view_images,
)
from training.image_metrics import (
    InputPictures,
    Reconstruction,
    SingleViewTask,
    measure_reconstructions,
)
from training.mesh_rasterizer import SIZE
from training.objects import read_index, split_of
from training.orbit_views import METRIC_ORBIT
from training.sprout.evaluate import Pack
from training.sprout.reconstruction import renderer_for
from training.view_dataset import frame_pictures, on_white


def square_views() -> torch.Tensor:
    """[1, 4, 128, 128], premultiplied: a red square off the center."""
    view = torch.zeros(1, 4, SIZE, SIZE)
    view[:, [0, 3], 40:70, 20:60] = 1
    return view


def test_a_picture_with_its_frame_is_put_back_into_the_view() -> None:
    framed = frame_pictures(square_views())
    elevation = torch.zeros(1)
    kept = view_images(InputPictures(framed.pictures, elevation, framed.frames))
    error = (kept - on_white(square_views())).abs()
    assert error.mean() < 0.01
    centered = view_images(InputPictures(framed.pictures, elevation, None))
    assert (centered - on_white(square_views())).abs().mean() > 0.1


def test_views_are_those_of_the_rendered_data() -> None:
    views = training_views(METRIC_ORBIT.elevation, 128)
    assert views.azimuths.round(3).tolist() == [0, 90, 180, 270]
    assert views.camera.elevation == METRIC_ORBIT.elevation


@torch.inference_mode()
def test_every_object_of_a_task_is_measured() -> None:
    rgba = (255 * square_views()).byte().movedim(1, -1)
    task = SingleViewTask(rgba.expand(2, METRIC_ORBIT.count, -1, -1, -1), torch.tensor([0, 3]))
    denoiser = random_denoiser(TINY[Subject.OBJECT])
    reconstruct = DiffusionReconstruction(denoiser, 32, 2)
    for with_frames in (False, True):
        method = Reconstruction(reconstruct, renderer_for("cpu"), "cpu", with_frames)
        metrics = measure_reconstructions(task, method, unknown_distance)
        assert metrics.shape == (2, 3)
        assert metrics[:, :2].isfinite().all()
        assert metrics[:, 2].isnan().all()


@torch.inference_mode()
def test_gaussians_outside_the_objects_space_are_transparent() -> None:
    framed = frame_pictures(square_views())
    reconstruct = DiffusionReconstruction(random_denoiser(TINY[Subject.OBJECT]), 32, 2)
    cloud = reconstruct(InputPictures(framed.pictures, torch.zeros(1), None))
    outside = (cloud.means.abs() > HALF_EXTENT + 1e-4).any(-1)
    assert outside.any()
    assert (cloud.opacities[outside] == 0).all()


@pytest.mark.slow
def test_the_table_has_a_row_for_each_method(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {
        is_training: next(
            name for name in map(str, range(100)) if (split_of(name) == "train") is is_training
        )
        for is_training in (True, False)
    }
    boxes = {names[True]: box_arrays((0.6, 0.9, 0.6)), names[False]: box_arrays((0.5, 1.0, 0.7))}
    write_pack(tmp_path, boxes)
    training, evaluated = (
        [record for record in read_index(tmp_path) if record.id == name] for name in names.values()
    )
    weights = EvaluatedWeights(random_denoiser(TINY[Subject.OBJECT]), 32, 2)
    report(Pack(tmp_path, training, evaluated), weights, unknown_distance, "cpu")
    rows = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert [row for row in rows if not row.startswith("    ")][2:] == [
        "nearest training object",
        "sprout",
        "sprout, framing kept",
        "DiffusionGS, 2 steps",
        "DiffusionGS, 2 steps, framing kept",
    ]
