"""The engine with small random networks: determinism, parameters, previews, cancellation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.problems import InvalidRequest
from splatsmith.engines.base import EngineInputs, Generation
from splatsmith.engines.zero1tog.card import CARD, MODELS
from splatsmith.engines.zero1tog.engine import Zero1toG, load
from splatsmith.engines.zero1tog.joint_unet import JointConfig
from splatsmith.engines.zero1tog.published_checkpoints import ADDED, CONCATENATED
from splatsmith.errors import Cancelled, UnreadablePicture, WeightsDamaged, WeightsMissing
from splatsmith.progress import Progress, silent
from splatsmith.settings import DATA_VARIABLE

from .tiny_checkpoints import install_trained, trained_tensors

NEWER, OLDER = "concatenated-320", "added-128"
VIEW = 16  # pixels, as the tiny files say


@pytest.fixture(scope="module")
def engines(checkpoints: Path) -> Mapping[str, Zero1toG]:
    return {variant: load(variant, "cpu") for variant in (NEWER, OLDER)}


def ball() -> NDArray[np.uint8]:
    """A cut-out ball, RGBA [80, 100, 4]."""
    y, x = np.mgrid[:80, :100]
    picture = np.zeros((80, 100, 4), np.uint8)
    picture[..., 0] = 2 * x
    picture[..., 3] = 255 * ((x - 45) ** 2 + (y - 40) ** 2 < 900)
    return picture


def generate(
    engine: Zero1toG, variant: str, progress: Progress | None = None, **parameters: object
) -> Generation:
    quick = {"steps": 3, "opacity_threshold": 0.0, **parameters}
    if variant == OLDER:  # views of 16 pixels are too small for parts
        quick.setdefault("joint_attention", "all")
    complete = CARD.check_parameters(CARD.variant(variant), quick)
    inputs = EngineInputs("", variant, {ConditionKind.IMAGE: ball()}, complete)
    return engine.generate(inputs, progress or silent())


def cloud_of(generation: Generation) -> GaussianCloud:
    return generation.representation.gaussians(silent(), "cpu")


@pytest.mark.parametrize("variant", [NEWER, OLDER])
def test_every_pixel_of_six_views_is_a_gaussian(
    engines: Mapping[str, Zero1toG], variant: str
) -> None:
    generation = generate(engines[variant], variant)
    cloud = cloud_of(generation)
    assert len(cloud) == 6 * VIEW**2
    assert np.abs(cloud.means).max() <= 0.7 + 1e-6
    assert generation.camera.distance == 1.5
    assert generation.prepared_picture is not None
    assert generation.prepared_picture.shape == (320, 320, 3)


def test_the_published_sizes_make_98304_or_614400(checkpoints: Path) -> None:
    assert {6 * model.view_size**2 for model in MODELS.values()} == {98_304, 614_400}


@pytest.mark.parametrize("variant", [NEWER, OLDER])
def test_the_same_seed_gives_the_same_and_another_does_not(
    engines: Mapping[str, Zero1toG], variant: str
) -> None:
    first, again, other = (
        cloud_of(generate(engines[variant], variant, seed=seed)).means for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 4},
        {"guidance": 1.0},
        {"guidance": 2.0},
        {"rescale": 0.0},
        {"foreground_ratio": 0.5},
        {"encoding": "older"},
        {"decoder": "image"},
        {"decoder": "video"},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_every_parameter_changes_the_result(
    engines: Mapping[str, Zero1toG], change: dict[str, Any]
) -> None:
    plain = cloud_of(generate(engines[NEWER], NEWER)).means
    assert not np.array_equal(cloud_of(generate(engines[NEWER], NEWER, **change)).means, plain)


def test_without_rotations_none_is_turned(engines: Mapping[str, Zero1toG]) -> None:
    cloud = cloud_of(generate(engines[NEWER], NEWER, attributes="4"))
    assert np.array_equal(np.unique(cloud.quats, axis=0), [[1, 0, 0, 0]])


def test_gaussians_below_the_threshold_are_left_out(engines: Mapping[str, Zero1toG]) -> None:
    everything = cloud_of(generate(engines[NEWER], NEWER))
    threshold = float(np.median(everything.opacities))
    kept = cloud_of(generate(engines[NEWER], NEWER, opacity_threshold=threshold))
    assert 0 < len(kept) < len(everything)
    assert kept.opacities.min() > threshold
    with pytest.raises(InvalidRequest, match="opaque enough"):
        generate(engines[NEWER], NEWER, opacity_threshold=1.0)


def test_colors_are_previewed_and_progress_rises(engines: Mapping[str, Zero1toG]) -> None:
    fractions: list[float] = []
    pictures: list[NDArray[np.uint8]] = []
    progress = Progress(
        lambda fraction, _stage: fractions.append(fraction),
        lambda: False,
        offer_preview=lambda draw: pictures.append(draw()),
    )
    generate(engines[NEWER], NEWER, progress)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert [picture.shape for picture in pictures] == [(3 * VIEW, 2 * VIEW, 3)] * 3


def test_cancel_stops_between_steps(engines: Mapping[str, Zero1toG]) -> None:
    reports: list[float] = []
    progress = Progress(
        lambda fraction, _stage: reports.append(fraction), lambda: len(reports) == 3
    )
    with pytest.raises(Cancelled):
        generate(engines[NEWER], NEWER, progress, steps=50)
    assert len(reports) == 3


def test_four_attributes_of_a_file_with_five_are_refused(checkpoints: Path, tmp_path: Path) -> None:
    """Imported as if it had four, by mistake."""
    four = CONCATENATED[1]
    install_trained(four, tmp_path, trained_tensors(JointConfig(5)), attributes="5")
    try:
        with pytest.raises(InvalidRequest, match="was trained with 5 attributes, and 4 are asked"):
            generate(load(NEWER, "cpu"), NEWER, attributes="4")
    finally:
        install_trained(four, checkpoints, trained_tensors(JointConfig(4), "image"))


def test_attention_in_parts_needs_positions_that_they_divide(
    engines: Mapping[str, Zero1toG],
) -> None:
    with pytest.raises(InvalidRequest, match="cannot divide 6 positions by 8"):
        generate(engines[OLDER], OLDER, joint_attention="parts")


def test_an_empty_picture_is_refused(engines: Mapping[str, Zero1toG]) -> None:
    complete = CARD.check_parameters(CARD.variant(NEWER), {"steps": 1})
    blank = np.zeros((8, 8, 4), np.uint8)
    inputs = EngineInputs("", NEWER, {ConditionKind.IMAGE: blank}, complete)
    with pytest.raises(UnreadablePicture):
        engines[NEWER].generate(inputs, silent())


def test_a_missing_file_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsMissing) as caught:
        generate(load(NEWER, "cpu"), NEWER)
    assert "import a file of your own" in caught.value.remedy


def test_weights_of_another_network_are_refused(checkpoints: Path, tmp_path: Path) -> None:
    install_trained(ADDED[0], tmp_path, {"w": torch.zeros(3)})
    try:
        with pytest.raises(WeightsDamaged, match="another network"):
            generate(load(OLDER, "cpu"), OLDER)
    finally:
        joint = JointConfig(5, concatenated=False)
        install_trained(ADDED[0], checkpoints, trained_tensors(joint, "image"))
