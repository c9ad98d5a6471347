"""The engine with small random networks: determinism, parameters, previews, cancellation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from splatsmith.contract.camera_path import AssetPlacement
from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import GaussianCloud
from splatsmith.contract.problems import InvalidRequest, SplatsmithError
from splatsmith.contract.protocol import ExtractionOptions
from splatsmith.diffusion.ddpm import DDPMSchedule
from splatsmith.engines.base import EngineInputs, Generation
from splatsmith.engines.diffusiongs.card import CARD, MODELS, SIDES, Subject
from splatsmith.engines.diffusiongs.engine import DiffusionGS, load
from splatsmith.engines.diffusiongs.object_cameras import regenerated_views
from splatsmith.engines.diffusiongs.sampling import make_denoise, sample
from splatsmith.errors import Cancelled, UnreadablePicture, WeightsMissing
from splatsmith.gaussians.gaussian_batch import GaussianBatch, to_cloud
from splatsmith.gaussians.view_renderer import ViewRenderer
from splatsmith.progress import Progress, silent
from splatsmith.settings import DATA_VARIABLE
from tests.backend.gaussians.reference_rasterizer import rasterize_reference

from .tiny_denoisers import TINY, random_denoiser

OBJECT, SCENE = "object-256", "scene-256"
SIZE = 32


@pytest.fixture(scope="module")
def engines(checkpoints: Path) -> Mapping[str, DiffusionGS]:
    """Both kinds, with views of 32 pixels."""
    return {
        variant: DiffusionGS(CARD.variant(variant), replace(MODELS[variant], size=SIZE), "cpu")
        for variant in (OBJECT, SCENE)
    }


def ball(hue: int = 0) -> NDArray[np.uint8]:
    """A cut-out ball, RGBA [80, 100, 4]."""
    y, x = np.mgrid[:80, :100]
    picture = np.zeros((80, 100, 4), np.uint8)
    picture[..., hue] = 2 * x
    picture[..., 3] = 255 * ((x - 45) ** 2 + (y - 40) ** 2 < 900)
    return picture


def generate(
    engine: DiffusionGS, variant: str, progress: Progress | None = None, **parameters: object
) -> Generation:
    return generate_from({ConditionKind.IMAGE: ball()}, engine, variant, progress, **parameters)


def generate_from(
    pictures: Mapping[ConditionKind, NDArray[np.uint8]],
    engine: DiffusionGS,
    variant: str,
    progress: Progress | None = None,
    **parameters: object,
) -> Generation:
    complete = CARD.check_parameters(CARD.variant(variant), {"steps": 4, **parameters})
    inputs = EngineInputs("", variant, pictures, complete)
    return engine.generate(inputs, progress or silent())


def cloud_of(generation: Generation) -> GaussianCloud:
    return generation.representation.gaussians(silent(), "cpu")


@pytest.mark.parametrize("variant", [OBJECT, SCENE])
def test_the_same_seed_gives_the_same_and_another_does_not(
    engines: Mapping[str, DiffusionGS], variant: str
) -> None:
    first, again, other = (
        cloud_of(generate(engines[variant], variant, seed=seed)).means for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("variant", "change"),
    [
        (OBJECT, {"steps": 6}),
        (OBJECT, {"foreground_ratio": 0.5}),
        (OBJECT, {"preparation": "published"}),
        (OBJECT, {"elevation": 25.0}),
        (OBJECT, {"distance": 2.0}),
        (OBJECT, {"cameras": "template"}),
        (OBJECT, {"crop": 0.3}),
        (OBJECT, {"opacity_threshold": 0.2}),
        (OBJECT, {"max_gaussians": 1000}),
        (OBJECT, {"precision": "bfloat16"}),
        (SCENE, {"path": "sideways"}),
        (SCENE, {"path": "orbit"}),
        (SCENE, {"amount": -0.5}),
        (SCENE, {"fov": 90.0}),
        (SCENE, {"far": 200.0}),
    ],
    ids=str,
)
def test_every_parameter_changes_the_result(
    engines: Mapping[str, DiffusionGS], variant: str, change: dict[str, Any]
) -> None:
    plain = cloud_of(generate(engines[variant], variant)).means
    assert not np.array_equal(cloud_of(generate(engines[variant], variant, **change)).means, plain)


def test_limits_hold_for_all_gaussians(engines: Mapping[str, DiffusionGS]) -> None:
    change = {"crop": 1.5, "opacity_threshold": 0.03, "max_gaussians": 1_000}
    generation = generate(engines[OBJECT], OBJECT, **change)
    cloud = cloud_of(generation)
    assert len(cloud) == 1_000
    assert np.abs(cloud.means).max() <= 1.5 + 1e-6
    assert cloud.opacities.min() > 0.03
    (note,) = generation.notes
    assert note.startswith("1,000 of ")
    assert "dB" in note


def test_far_gaussians_of_scenes_are_left_out(engines: Mapping[str, DiffusionGS]) -> None:
    cloud = cloud_of(generate(engines[SCENE], SCENE, far=240.0))
    assert 0 < np.linalg.norm(cloud.means, axis=1).max() <= 240.0


def test_a_result_without_gaussians_is_an_error(engines: Mapping[str, DiffusionGS]) -> None:
    with pytest.raises(InvalidRequest, match="opaque enough"):
        generate(engines[OBJECT], OBJECT, opacity_threshold=1.0)


def test_an_object_stands_on_the_ground_and_a_scene_at_its_camera(
    engines: Mapping[str, DiffusionGS],
) -> None:
    an_object, scene = (generate(engines[variant], variant) for variant in (OBJECT, SCENE))
    assert an_object.placement is AssetPlacement.GROUND
    assert (an_object.camera.elevation, an_object.camera.distance) == (10.0, 3.0)
    assert scene.placement is AssetPlacement.CAMERA
    assert scene.camera_path is not None
    assert (len(scene.camera_path.poses), scene.camera_path.fov) == (4, 60.0)


def test_progress_ends_at_one_and_each_step_has_a_preview(
    engines: Mapping[str, DiffusionGS],
) -> None:
    fractions: list[float] = []
    previews: list[NDArray[np.uint8]] = []
    progress = Progress(
        lambda fraction, _: fractions.append(fraction),
        lambda: False,
        offer_preview=lambda draw: previews.append(draw()),
    )
    generate(engines[OBJECT], OBJECT, progress, steps=5)
    assert fractions == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert [image.shape for image in previews] == 5 * [(SIZE, SIZE, 3)]
    assert len({image.tobytes() for image in previews}) == 5


@pytest.mark.parametrize("steps_until_cancelled", range(6))
def test_a_cancelled_job_stops_at_once_and_the_next_is_as_ever(
    engines: Mapping[str, DiffusionGS], steps_until_cancelled: int
) -> None:
    before = cloud_of(generate(engines[OBJECT], OBJECT)).means
    reports: list[float] = []
    progress = Progress(
        lambda fraction, _: reports.append(fraction), lambda: len(reports) == steps_until_cancelled
    )
    if steps_until_cancelled < 5:
        with pytest.raises(Cancelled):
            generate(engines[OBJECT], OBJECT, progress)
    assert len(reports) <= steps_until_cancelled
    assert np.array_equal(cloud_of(generate(engines[OBJECT], OBJECT)).means, before)


@torch.inference_mode()
def test_the_loop_agrees_with_the_reference_rasterizer() -> None:
    """Sampling with the plain reference in place of the fast rasteriser."""
    views = regenerated_views(10.0, 3.0, SIZE)
    denoiser = random_denoiser(TINY[Subject.OBJECT])
    clean = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    denoise = make_denoise(denoiser.denoise, denoiser.config, views.rays("cpu"), clean)

    def render_reference(gaussians: GaussianBatch) -> torch.Tensor:
        images = rasterize_reference(to_cloud(gaussians, -1), views.cameras).colors
        return torch.from_numpy(images).permute(0, 3, 1, 2)

    def final(render: Callable[[GaussianBatch], torch.Tensor]) -> list[torch.Tensor]:
        noise = torch.Generator().manual_seed(2)
        steps = sample(
            denoise,
            render,
            DDPMSchedule.respaced(4),
            lambda: torch.randn(3, 3, SIZE, SIZE, generator=noise),
        )
        last = list(steps)[-1]
        return [last.views, last.sample, last.gaussians.means]

    ours = final(ViewRenderer(views.cameras, "cpu"))
    for fast, reference in zip(ours, final(render_reference), strict=True):
        scale = reference.abs().max()
        assert (fast - reference).abs().max() / scale < 0.01
        assert (fast - reference).abs().mean() / scale < 1e-4


def test_each_further_picture_changes_the_result(engines: Mapping[str, DiffusionGS]) -> None:
    sides = list(SIDES)
    results = [
        cloud_of(
            generate_from(
                {side: ball(i % 3) for i, side in enumerate(given)}, engines[OBJECT], OBJECT
            )
        ).means
        for given in (sides[:1], sides[:2], [sides[0], sides[2]], sides[:3], sides)
    ]
    assert len({means.tobytes() for means in results}) == len(results)


def test_four_pictures_leave_nothing_to_sample(engines: Mapping[str, DiffusionGS]) -> None:
    reports: list[float] = []
    progress = Progress(lambda fraction, _: reports.append(fraction), lambda: False)
    pictures = {side: ball() for side in SIDES}
    one, other = (
        cloud_of(generate_from(pictures, engines[OBJECT], OBJECT, progress, seed=seed)).means
        for seed in (1, 2)
    )
    assert np.array_equal(one, other)
    assert reports == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({ConditionKind.RIGHT}, "needs a picture"),
        ({*SIDES, ConditionKind.DEPTH}, "takes no depth"),
        ({*SIDES, ConditionKind.TEXT}, "takes no text"),
    ],
)
def test_too_many_pictures_and_sides_without_a_front_are_refused(
    given: set[ConditionKind], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        CARD.check_conditions(CARD.variant(OBJECT), frozenset(given))


def test_scenes_take_one_picture() -> None:
    with pytest.raises(InvalidRequest, match="takes no picture of its back"):
        given = frozenset({ConditionKind.IMAGE, ConditionKind.BACK})
        CARD.check_conditions(CARD.variant(SCENE), given)


def with_picture(picture: NDArray[np.uint8], variant: str) -> EngineInputs:
    complete = CARD.check_parameters(CARD.variant(variant), {"steps": 4})
    return EngineInputs("", variant, {ConditionKind.IMAGE: picture}, complete)


@pytest.mark.parametrize(
    ("variant", "picture", "kind", "message"),
    [
        (OBJECT, np.zeros((40, 40, 4), np.uint8), UnreadablePicture, "shows nothing"),
        (SCENE, np.full((40, 120, 4), 255, np.uint8), InvalidRequest, "3.0 times as wide"),
    ],
)
def test_unusable_pictures_are_refused(
    engines: Mapping[str, DiffusionGS],
    variant: str,
    picture: NDArray[np.uint8],
    kind: type[SplatsmithError],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        engines[variant].generate(with_picture(picture, variant), silent())


@pytest.mark.parametrize("steps", [0, 3, 2_000])
def test_impossible_numbers_of_steps_are_refused(steps: int) -> None:
    with pytest.raises(InvalidRequest, match="between 4 and 1,000"):
        CARD.check_parameters(CARD.variant(OBJECT), {"steps": steps})


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsMissing, match="diffusiongs-scene-256"):
        load(SCENE, "cpu").generate(with_picture(ball(), SCENE), silent())


def test_a_cpu_refuses_what_would_take_hours(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(TINY[Subject.OBJECT], width=1024, layers=24)
    monkeypatch.setattr(
        "splatsmith.engines.diffusiongs.denoiser_cache.denoiser_config", lambda _: config
    )
    with pytest.raises(InvalidRequest, match="30 steps at 512 pixels are 1,0.. trillion"):
        generate(load("object-512", "cpu"), "object-512", steps=30)
    with pytest.raises(InvalidRequest, match="9 steps at 256"):
        generate(load(OBJECT, "cpu"), OBJECT, steps=9)
    assert 8 * config.operations(256) < 35e12


def test_extraction_takes_the_result(engines: Mapping[str, DiffusionGS]) -> None:
    generation = generate(engines[OBJECT], OBJECT, steps=4)
    surface = generation.representation.colored_surface(
        ExtractionOptions(face_budget=500, resolution=32), silent(), "cpu"
    )
    assert len(surface.surface.faces) > 0
