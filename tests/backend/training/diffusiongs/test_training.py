"""Training runs at tiny size: pieces, resumption, several sources, and what the engine makes of
the weights.
"""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from splatsmith.contract.cards import ConditionKind
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.diffusiongs.card import (
    CARD,
    GLOBAL_GAUSSIANS,
    MODELS,
    VIEWS,
    Subject,
)
from splatsmith.engines.diffusiongs.denoiser import Denoiser
from splatsmith.engines.diffusiongs.engine import DiffusionGS
from splatsmith.engines.diffusiongs.published_checkpoints import OBJECT_512
from splatsmith.progress import silent
from splatsmith.settings import DATA_VARIABLE
from splatsmith.weights.path_patterns import stored_path
from tests.backend.diffusiongs.tiny_denoisers import install
from training.diffusiongs.config import SourceKind, TrainingConfig
from training.diffusiongs.networks import SubjectDenoisers
from training.diffusiongs.train import STATE, TrainingJob, train
from training.distributed import DistributedContext
from training.resumable_run import prepare_folder

from .stand_ins import ball_images, cameras_around, write_mvimgnet, write_rendered_objects

SIZE = 16
CONFIGS = Path("backend/training/diffusiongs/configs")
CPU = DistributedContext(0, 1, torch.device("cpu"))
FOREVER = float("inf")


def stored_config(*kinds: SourceKind) -> dict[str, Any]:
    return {
        "size": SIZE,
        "seed": 0,
        "network": {"width": 64, "layers": 1, "patch": 8},
        "views": {"noisy": 3, "novel": 1},
        "weights": {},
        "optimizer": {"steps": 5, "rate": 1e-3, "rising_steps": 2, "warmup_steps": 2},
        "sources": {kind: {"batch": 2, "limits": {}} for kind in kinds},
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[SourceKind, str]:
    folder = tmp_path_factory.mktemp("data")
    write_rendered_objects(folder / "rendered", size=SIZE)
    write_mvimgnet(folder, size=SIZE)
    return {
        SourceKind.RENDERED: str(folder / "rendered"),
        SourceKind.MVIMGNET_OBJECTS: f"{folder / 'data'},{folder / 'masks'}",
        SourceKind.MVIMGNET_SCENES: str(folder / "data"),
    }


def job(
    out: Path, data: dict[SourceKind, str], *kinds: SourceKind, seconds: float = FOREVER
) -> TrainingJob:
    out.mkdir(exist_ok=True)
    config = TrainingConfig.of_json(stored_config(*kinds))
    return TrainingJob(config, out, {kind: data[kind] for kind in kinds}, seconds)


def test_a_run_in_pieces_gives_the_same_weights(
    tmp_path: Path, data: dict[SourceKind, str]
) -> None:
    train(job(tmp_path / "whole", data, SourceKind.RENDERED), CPU)
    pieces = job(tmp_path / "pieces", data, SourceKind.RENDERED, seconds=0)
    assert [train(pieces, CPU).step for _ in range(6)] == [1, 2, 3, 4, 5, 5]
    whole, joined = (
        torch.load(tmp_path / name / STATE, weights_only=True) for name in ("whole", "pieces")
    )
    for part in ("networks", "averaged"):
        for key, tensor in whole[part].items():
            assert torch.equal(joined[part][key], tensor), key


def test_objects_and_scenes_are_trained_together(
    tmp_path: Path, data: dict[SourceKind, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run = train(job(tmp_path, data, *data), CPU)
    assert run.step == 5
    assert {file.name for file in tmp_path.iterdir()} == {
        STATE,
        "object.safetensors",
        "scene.safetensors",
    }
    an_object, scene = (load_file(tmp_path / f"{subject}.safetensors") for subject in Subject)
    for key in an_object:
        if key.startswith(("transformer.", "transformer_input", "t_embedder.")):
            assert an_object[key].equal(scene[key]), key
    for key in ("image_tokenizer.1.weight", "image_token_decoder.linear.weight"):
        assert not an_object[key].equal(scene[key]), key
    assert "step 5 of 5: saved" in caplog.text


def test_the_engine_generates_with_trained_weights(
    tmp_path: Path, data: dict[SourceKind, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(job(tmp_path, data, SourceKind.RENDERED), CPU)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "home"))
    file = tmp_path / stored_path(OBJECT_512.files[0].path)
    (tmp_path / "object.safetensors").rename(file)
    install(OBJECT_512, tmp_path)
    variant = CARD.variant("object-256")
    engine = DiffusionGS(variant, MODELS["object-256"], "cpu")
    parameters = CARD.check_parameters(variant, {"steps": 4})
    picture = ball_images(cameras_around(1, 64))[0]
    inputs = EngineInputs("", variant.id, {ConditionKind.IMAGE: picture}, parameters)
    cloud = engine.generate(inputs, silent()).representation.gaussians(silent(), "cpu")
    assert 0 < len(cloud) <= VIEWS * SIZE**2 + GLOBAL_GAUSSIANS
    assert np.isfinite(cloud.means).all()


@pytest.mark.slow
def test_two_processes_train_on_different_samples(
    tmp_path: Path, data: dict[SourceKind, str], project: Path
) -> None:
    (tmp_path / "c.json").write_text(json.dumps(stored_config(SourceKind.RENDERED)), "utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"PYTHONPATH": str(project / "backend"), "CUDA_VISIBLE_DEVICES": ""}
    source = f"rendered={data[SourceKind.RENDERED]}"
    command = [sys.executable, "-m", "training.diffusiongs.train"]
    members = [
        subprocess.Popen(
            [*command, str(tmp_path / "c.json"), str(tmp_path / "out"), source],
            env={**shared, "RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [member.wait(120) for member in members] == [0, 0]
    train(job(tmp_path / "single", data, SourceKind.RENDERED), CPU)
    both, single = (
        torch.load(tmp_path / name / STATE, weights_only=True) for name in ("out", "single")
    )
    assert both["step"] == 5
    key = "object.pixel_head.linear.weight"
    assert not both["networks"][key].equal(single["networks"][key])


def test_another_configuration_does_not_continue_a_run(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(stored_config(SourceKind.PACK)), encoding="utf-8")
    prepare_folder(file, tmp_path / "out")
    prepare_folder(file, tmp_path / "out")
    file.write_text(json.dumps(stored_config(SourceKind.RENDERED)), encoding="utf-8")
    with pytest.raises(ValueError, match="another configuration"):
        prepare_folder(file, tmp_path / "out")


def test_sources_without_a_folder_are_an_error(tmp_path: Path, data: dict[SourceKind, str]) -> None:
    with pytest.raises(ValueError, match="differ in rendered"):
        replace(job(tmp_path, data, SourceKind.RENDERED), folders={}).sources()


def test_an_unknown_member_of_a_configuration_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**stored_config(), "epochs": 3}), encoding="utf-8")
    with pytest.raises(ValueError, match="epochs"):
        TrainingConfig.read(file)


@pytest.mark.parametrize("name", ["object-128", "object-128-small", "mixed-256"])
def test_shipped_configurations_are_small(name: str, project: Path) -> None:
    config = TrainingConfig.read(project / CONFIGS / f"{name}.json")
    with torch.device("meta"):
        network = Denoiser(config.network.denoiser)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert 2_000_000 < count < 12_000_000


def test_initial_renderings_are_finite_and_blocks_do_nothing() -> None:
    network = SubjectDenoisers(
        TrainingConfig.of_json(stored_config()).network.denoiser, [Subject.OBJECT]
    ).of(Subject.OBJECT)
    x, time = torch.randn(1, 5, 64), torch.randn(1, 64)
    assert torch.equal(network.blocks[0](x, time), x)


def test_the_learning_rate_rises_and_falls_to_a_hundredth() -> None:
    config = replace(
        TrainingConfig.of_json(stored_config()).optimizer, steps=100, rising_steps=10, rate=1.0
    )
    rates = [config.learning_rate.at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
