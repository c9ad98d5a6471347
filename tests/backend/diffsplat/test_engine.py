"""Whole jobs with small random networks of every variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from splatsmith.contract.cards import ConditionKind, Variant
from splatsmith.contract.cloud import GaussianCloud, read_cloud
from splatsmith.contract.problems import InvalidRequest
from splatsmith.contract.protocol import GenerateRequest, Product
from splatsmith.engines.base import EngineInputs, Generation
from splatsmith.engines.diffsplat.card import (
    CARD,
    DIFFUSION_SOLVERS,
    FLOW_SOLVERS,
    MAPS,
    Settings,
)
from splatsmith.engines.diffsplat.engine import DiffSplat, load
from splatsmith.errors import Cancelled, UnreadablePicture
from splatsmith.progress import Progress, silent
from splatsmith.worker import pipeline
from splatsmith.worker.engine_cache import EngineCache
from tests.backend.engines.generated import cloud_of

VARIANTS = [variant.id for variant in CARD.variants]
PIXELS = 64 * 64  # of a view: the small denoisers have 8 x 8 latents

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Loaded:
    variant: Variant
    engine: DiffSplat


Engines = Mapping[str, Loaded]


@pytest.fixture(scope="module")
def engines(checkpoints: Path) -> Engines:
    return {variant.id: Loaded(variant, load(variant.id, "cpu")) for variant in CARD.variants}


def generate(
    loaded: Loaded,
    prompt: str = "",
    progress: Progress | None = None,
    pictures: Mapping[ConditionKind, Picture] | None = None,
    **parameters: object,
) -> Generation:
    complete = CARD.check_parameters(loaded.variant, {"steps": 2, **parameters})
    inputs = EngineInputs(prompt, loaded.variant.id, pictures or {}, complete)
    return loaded.engine.generate(inputs, progress or silent())


def red_square() -> Picture:
    picture = np.zeros((60, 90, 4), np.uint8)
    picture[10:40, 50:80] = (220, 30, 30, 255)
    return picture


def grey_ramp() -> Picture:
    picture = np.full((64, 64, 4), 255, np.uint8)
    picture[..., :3] = np.linspace(0, 255, 64, dtype=np.uint8)[:, None]
    return picture


def same(first: GaussianCloud, second: GaussianCloud) -> bool:
    return len(first) == len(second) and np.array_equal(first.means, second.means)


@pytest.mark.parametrize("variant", VARIANTS)
def test_text_becomes_a_cloud_of_four_views(engines: Engines, variant: str) -> None:
    generation = generate(engines[variant], "a red chair")
    assert 0.9 * 4 * PIXELS < len(cloud_of(generation)) <= 4 * PIXELS
    assert np.isfinite(cloud_of(generation).means).all()
    assert np.allclose(np.linalg.norm(cloud_of(generation).quats, axis=1), 1, atol=1e-4)
    assert (
        0.0005
        <= cloud_of(generation).scales.min()
        <= cloud_of(generation).scales.max()
        <= 0.02 + 1e-6
    )
    assert (generation.camera.elevation, generation.camera.distance) == (10.0, 1.4)
    assert generation.notes == ()


@pytest.mark.parametrize("variant", VARIANTS)
def test_prompt_picture_and_seed_change_the_result(engines: Engines, variant: str) -> None:
    engine, picture = engines[variant], {ConditionKind.IMAGE: red_square()}
    both = cloud_of(generate(engine, "a box", pictures=picture))
    assert same(both, cloud_of(generate(engine, "a box", pictures=picture)))
    assert not same(both, cloud_of(generate(engine, "a ball", pictures=picture)))
    assert not same(both, cloud_of(generate(engine, "a box", pictures=picture, seed=1)))
    other = red_square()
    other[10:40, 50:80, :3] = (0, 200, 0)
    assert not same(
        both, cloud_of(generate(engine, "a box", pictures={ConditionKind.IMAGE: other}))
    )
    assert not same(both, cloud_of(generate(engine, "a box")))


@pytest.mark.parametrize(
    ("variant", "scheduler"),
    [("sd15", name) for name in DIFFUSION_SOLVERS]
    + [("sd35-medium", name) for name in FLOW_SOLVERS],
)
def test_every_scheduler_gives_a_different_result(
    engines: Engines, variant: str, scheduler: str
) -> None:
    engine = engines[variant]
    default = cloud_of(generate(engine, "a box", steps=3))
    chosen = cloud_of(generate(engine, "a box", steps=3, scheduler=scheduler))
    published = {"sd15": "sde-dpmsolver++", "sd35-medium": "flow"}
    assert same(default, chosen) == (scheduler == published[variant])


@pytest.mark.parametrize(
    "change",
    [
        {"negative_prompt": "blue"},
        {"guidance": 2.0},
        {"guidance": 1.0},
        {"triangle": True},
        {"triangle": True, "least_guidance": 3.0},
        {"elevation": 25.0},
        {"precision": "bfloat16"},
    ],
)
def test_every_option_changes_the_result(engines: Engines, change: dict[str, Any]) -> None:
    plain = cloud_of(generate(engines["sd15"], "a box"))
    assert not same(plain, cloud_of(generate(engines["sd15"], "a box", **change)))


def test_t5_changes_the_result(engines: Engines) -> None:
    plain = cloud_of(generate(engines["sd35-medium"], "a box"))
    assert not same(plain, cloud_of(generate(engines["sd35-medium"], "a box", t5=True)))


@pytest.mark.parametrize("kind", MAPS)
def test_control_maps_change_the_result(engines: Engines, kind: ConditionKind) -> None:
    engine, given = engines["sd15"], {kind: red_square()}
    controlled = cloud_of(generate(engine, "a box", pictures=given))
    assert not same(controlled, cloud_of(generate(engine, "a box")))
    assert not same(
        controlled, cloud_of(generate(engine, "a box", pictures=given, control_strength=0.3))
    )
    assert not same(controlled, cloud_of(generate(engine, "a box", pictures=given, guess=True)))


def test_a_map_of_strength_zero_has_no_effect(engines: Engines) -> None:
    given = {ConditionKind.DEPTH: grey_ramp()}
    controlled = cloud_of(generate(engines["sd15"], "a box", pictures=given, control_strength=0.0))
    assert same(controlled, cloud_of(generate(engines["sd15"], "a box")))


def test_the_elevation_of_a_picture_can_be_estimated(engines: Engines) -> None:
    generation = generate(
        engines["sd15"], pictures={ConditionKind.IMAGE: red_square()}, estimate_elevation=True
    )
    assert -10 <= generation.camera.elevation <= 40
    assert generation.camera.elevation != 10.0


def test_gaussians_below_the_opacity_threshold_are_dropped(
    engines: Engines,
) -> None:
    cloud = cloud_of(generate(engines["sd15"], "a box", opacity_threshold=0.5))
    assert 0 < len(cloud) < 4 * PIXELS
    assert cloud.opacities.min() > 0.5


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_long_prompt_is_cut_with_a_note(engines: Engines, variant: str) -> None:
    (note,) = generate(engines[variant], "a chair " * 2_000).notes
    assert "cut after" in note
    assert "chair" in note


@pytest.mark.parametrize(
    ("one", "other"),
    [(ConditionKind.DEPTH, ConditionKind.NORMAL), (ConditionKind.IMAGE, ConditionKind.CANNY)],
)
def test_maps_and_pictures_are_mutually_exclusive(one: ConditionKind, other: ConditionKind) -> None:
    with pytest.raises(InvalidRequest, match=f"takes {one} or {other}, not both"):
        CARD.check_conditions(CARD.variant("sd15"), frozenset({ConditionKind.TEXT, one, other}))


def test_eta_changes_the_noise_of_ddim(engines: Engines) -> None:
    full, half, none = (
        cloud_of(generate(engines["sd15"], "a box", steps=3, scheduler="ddim", eta=eta))
        for eta in (1.0, 0.5, 0.0)
    )
    assert not same(full, half)
    assert not same(half, none)


def test_a_scheduler_of_another_variant_is_refused(engines: Engines) -> None:
    with pytest.raises(InvalidRequest, match="scheduler is 'ddim'"):
        generate(engines["sd35-medium"], "a box", scheduler="ddim")


def test_each_variant_has_its_own_parameters() -> None:
    names = {each.id: {spec.name for spec in each.parameters} for each in CARD.variants}
    assert names["sd15"] - names["pixart-sigma"] == {"control_strength", "guess"}
    assert names["sd15"] - names["sd35-medium"] == {"control_strength", "guess", "eta"}
    assert names["sd35-medium"] - names["pixart-sigma"] == {"t5"}
    for variant in CARD.variants:
        Settings(**CARD.check_parameters(variant, {}))  # pyright: ignore[reportArgumentType]


def test_the_guidance_of_pictures_is_a_parameter_of_its_own(engines: Engines) -> None:
    engine, pictures = engines["sd15"], {ConditionKind.IMAGE: red_square()}
    plain = cloud_of(generate(engine, "a box", pictures=pictures))
    assert same(plain, cloud_of(generate(engine, "a box", pictures=pictures, guidance=3.0)))
    assert not same(
        plain, cloud_of(generate(engine, "a box", pictures=pictures, image_guidance=3.0))
    )


def test_every_variant_states_its_memory() -> None:
    for variant in CARD.variants:
        assert 10**9 < variant.memory_bytes["bfloat16"] < 10**10, variant.id


def test_an_elevation_beyond_the_zenith_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="95 degrees"):
        CARD.check_parameters(CARD.variant("sd15"), {"elevation": 95})


def test_a_picture_without_an_object_is_refused(engines: Engines) -> None:
    empty = np.zeros((64, 64, 4), np.uint8)
    with pytest.raises(UnreadablePicture):
        generate(engines["sd15"], pictures={ConditionKind.IMAGE: empty})


def test_a_picture_can_be_prepared_as_published(engines: Engines) -> None:
    given = {ConditionKind.IMAGE: red_square()}
    fine = cloud_of(generate(engines["sd15"], pictures=given))
    assert not same(
        fine, cloud_of(generate(engines["sd15"], pictures=given, preparation="published"))
    )


def test_cancel_stops_between_steps(engines: Engines) -> None:
    fractions: list[float] = []
    progress = Progress(lambda at, _stage: fractions.append(at), lambda: len(fractions) >= 4)
    with pytest.raises(Cancelled):
        generate(engines["sd15"], "a box", progress, steps=50)
    assert len(fractions) == 4


def test_progress_rises_to_one(engines: Engines) -> None:
    fractions: list[float] = []
    generate(engines["sd15"], "a box", Progress(lambda at, _: fractions.append(at), lambda: False))
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_a_job_goes_through_the_pipeline(checkpoints: Path, tmp_path: Path) -> None:
    picture = tmp_path / "box.png"
    Image.fromarray(red_square()).save(picture)
    request = GenerateRequest(
        engine="diffsplat",
        variant="pixart-sigma",
        pictures={ConditionKind.IMAGE: "given"},
        parameters={"steps": 1},
        products=(Product.SPLATS,),
    ).completed(CARD)
    out = tmp_path / "out"
    out.mkdir()
    engine_cache = EngineCache("cpu")
    generation = pipeline.generate(
        request, {ConditionKind.IMAGE: picture}, out, engine_cache, silent()
    )
    assert len(read_cloud(out / "splats.ply")) == len(cloud_of(generation))
    assert (out / "turntable.webp").is_file()
