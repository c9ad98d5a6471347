"""ivid's training at tiny size: data, conditions, both networks; the engine with the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from splatsmith.engines.base import EngineInputs
from splatsmith.engines.ivid.adm_unet import NO_CLASS
from splatsmith.engines.ivid.cameras import FRONT, Pose
from splatsmith.engines.ivid.card import CARD, CLASS, CLASS_LABELS
from splatsmith.engines.ivid.engine import load
from splatsmith.engines.ivid.published_checkpoints import CONDITIONAL, UNCONDITIONAL
from splatsmith.progress import silent
from splatsmith.settings import DATA_VARIABLE
from tests.backend.ivid.true_scene import true_view
from tests.backend.training.object_pack import box_arrays, write_pack
from training.distributed import DistributedContext
from training.ivid.conditions import make_conditions
from training.ivid.config import NetworkConfig, OptimizerConfig, Stage, TrainingConfig
from training.ivid.hidden_parts import there_and_back
from training.ivid.install import install
from training.ivid.render_scenes import DISTANCE, SceneOptions, render_category, render_scene
from training.ivid.rgbd_folder import read_pictures, write_picture
from training.ivid.train import TrainingJob, train
from training.objects import read_index, read_mesh
from training.resumable_run import prepare_folder

SIZE = 16
CPU = DistributedContext(0, 1, torch.device("cpu"))
CONFIGS = Path("backend/training/ivid/configs")
CONFIG = TrainingConfig(
    seed=0,
    network=NetworkConfig(
        size=SIZE,
        model_channels=16,
        res_blocks=1,
        channel_mult=(1, 2),
        attention_resolutions=(8,),
        groups=8,
        head_channels=16,
    ),
    optimizer=OptimizerConfig(steps=60, rate=2e-3, rising_steps=5, batch=8, average_decay=0.9),
    warps=2,
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six views of a room with a ball, as golden retrievers."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / CLASS_LABELS[207]).mkdir()
    for number in range(6):
        view = true_view(Pose(0.1 * number - 0.3, 0.0), SIZE)
        colors = np.rint(255 * np.clip(view.colors, 0, 1)).astype(np.uint8)
        write_picture(folder / CLASS_LABELS[207] / f"{number}.png", colors, view.depth)
    return folder


def job(out: Path, folder: Path, stage: Stage, steps: int, **changes: float) -> TrainingJob:
    out.mkdir(exist_ok=True)
    config = replace(CONFIG, optimizer=replace(CONFIG.optimizer, steps=steps))
    return TrainingJob(config, stage, folder, out, **changes)


@pytest.mark.parametrize("stage", Stage)
def test_the_loss_falls(tmp_path: Path, pictures: Path, stage: Stage) -> None:
    losses = train(job(tmp_path, pictures, stage, 60), CPU)
    assert len(losses) == 60
    assert np.mean(losses[:5]) > 0.8  # of unit noise: the untrained network predicts none
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])


@pytest.mark.parametrize("stage", Stage)
def test_a_run_in_pieces_gives_the_same_weights(
    tmp_path: Path, pictures: Path, stage: Stage
) -> None:
    whole = job(tmp_path / "whole", pictures, stage, 4)
    pieces = job(tmp_path / "pieces", pictures, stage, 4, seconds=0.0)
    train(whole, CPU)
    assert [len(train(pieces, CPU)) for _ in range(5)] == [1, 1, 1, 1, 0]
    first, second = (torch.load(each.state_file, weights_only=True) for each in (whole, pieces))
    for key, tensor in first["averaged"].items():
        assert torch.equal(second["averaged"][key], tensor), key


def test_the_engine_generates_with_trained_weights(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "home"))
    for stage in Stage:
        train(job(tmp_path / "out", pictures, stage, 2), CPU)
    assert list(install(tmp_path / "out")) == [UNCONDITIONAL, CONDITIONAL]
    given = {"sampler": "fast", "steps": 2, "view_steps": 2, "viewset": "random"}
    parameters = CARD.check_parameters(CARD.variant(CLASS), given)
    inputs = EngineInputs("", CLASS, {}, parameters, CLASS_LABELS[207])
    cloud = load(CLASS, "cpu").generate(inputs, silent()).representation.gaussians(silent(), "cpu")
    assert 0 < len(cloud) <= 2 * SIZE**2
    assert np.isfinite(cloud.means).all()


def test_what_was_warped_there_and_back_is_the_picture_with_holes() -> None:
    view = true_view(FRONT, 32)
    far, near = (there_and_back(view, Pose(yaw, 0.0)) for yaw in (0.5, 0.02))
    for warped in (far, near):
        assert np.abs(warped.codes - view.codes)[warped.mask].mean() < 0.02
        assert np.abs(warped.colors - view.colors)[warped.color_mask].mean() < 0.1
    assert 0.1 < far.mask.mean() < near.mask.mean() <= 1


def test_conditions_depend_on_the_picture_and_the_seed_alone(pictures: Path) -> None:
    read = read_pictures(pictures, SIZE)
    assert set(read.classes) == {207}
    made, again, other = (make_conditions(read, 2, seed) for seed in (1, 1, 2))
    assert np.array_equal(made.codes, again.codes)
    assert not np.array_equal(made.codes, other.codes)
    assert not np.array_equal(made.masks[:, 0], made.masks[:, 1])


def test_objects_are_rendered_with_true_depths(tmp_path: Path) -> None:
    write_pack(tmp_path, {"cube": box_arrays((1, 1, 1)), "plate": box_arrays((1, 1, 0.1))})
    records = read_index(tmp_path)
    colors, depths = render_scene(read_mesh(tmp_path, records[0]), 0.0, 0.0, 64)
    assert depths[32, 32] == pytest.approx((DISTANCE - 0.5) / DISTANCE, abs=1e-3)
    assert tuple(colors[32, 32]) == (255, 0, 0)
    assert depths[0, 32] > 1.2  # the sphere behind it
    assert np.ptp(colors[0, 32].astype(int)) <= 1  # grey
    options = SceneOptions(tmp_path, tmp_path / "made", views=3, size=32, azimuth=60.0)
    assert render_category(options, records) == 6
    read = read_pictures(tmp_path / "made", 32)
    assert len(read) == 6
    assert set(read.classes) == {NO_CLASS}


def test_bad_folders_are_refused(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(ValueError, match="has no pictures"):
        read_pictures(tmp_path, SIZE)
    with pytest.raises(ValueError, match="not 64 x 64"):
        read_pictures(pictures, 64)
    (tmp_path / "c").mkdir()
    write_picture(tmp_path / "c" / "1.png", np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8)))
    with pytest.raises(ValueError, match="not positive"):
        read_pictures(tmp_path, 8)
    (tmp_path / "c" / "1.npy").unlink()
    with pytest.raises(ValueError, match=r"1\.npy is missing"):
        read_pictures(tmp_path, 8)


def test_configurations_can_be_read_and_belong_to_a_folder(tmp_path: Path, project: Path) -> None:
    for file in (project / CONFIGS).glob("*.json"):
        assert TrainingConfig.read(file).network.of_stage(Stage.FURTHER).in_channels == 10
        prepare_folder(file, tmp_path / file.stem)
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="another configuration"):
        prepare_folder(tmp_path / "other.json", tmp_path / "category-64")
    with pytest.raises(ValueError, match="no training configuration"):
        TrainingConfig.read(tmp_path / "other.json")
