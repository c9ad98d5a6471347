"""The engine with tiny random networks: determinism, parameters, bad input, cancellation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from splatsmith.contract.camera_path import AssetPlacement
from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.problems import InvalidRequest, NotFound
from splatsmith.contract.protocol import ExtractionOptions, GenerateRequest
from splatsmith.engines.base import EngineInputs, Generation
from splatsmith.engines.ivid.card import CARD, CLASS, CLASS_LABELS, PICTURE
from splatsmith.engines.ivid.engine import Ivid, load
from splatsmith.errors import Cancelled, WeightsMissing
from splatsmith.progress import Progress, silent
from splatsmith.representations.rgbd_views import RgbdViews
from splatsmith.settings import DATA_VARIABLE

from .tiny_unets import SIZE

FEW = {
    "sampler": "fast",
    "steps": 3,
    "view_steps": 2,
    "viewset": "custom",
    "yaws": "0, 10, -10",
    "pitches": "0",
}


@pytest.fixture(scope="module")
def engines(checkpoints: Path) -> Mapping[str, Ivid]:
    return {variant: load(variant, "cpu") for variant in (CLASS, PICTURE)}


def picture() -> dict[ConditionKind, NDArray[np.uint8]]:
    """A sloped floor, RGBA [40, 50, 4], and its depth map, nearer below."""
    y, x = np.mgrid[:40, :50]
    image = np.stack([5 * x, 6 * y, 0 * x + 90, 0 * x + 255], axis=-1).astype(np.uint8)
    depth = np.stack([*3 * [6 * y], 0 * x + 255], axis=-1).astype(np.uint8)
    return {ConditionKind.IMAGE: image, ConditionKind.DEPTH: depth}


def generate(
    engines: Mapping[str, Ivid], progress: Progress | None = None, **changes: Any
) -> Generation:
    complete = CARD.check_parameters(CARD.variant(CLASS), {**FEW, **changes})
    label = CLASS_LABELS[207]
    inputs = EngineInputs("", CLASS, {}, complete, class_label=label)
    return engines[CLASS].generate(inputs, progress or silent())


def continue_picture(
    engines: Mapping[str, Ivid],
    pictures: Mapping[ConditionKind, NDArray[np.uint8]] | None = None,
    **changes: Any,
) -> Generation:
    few = {name: value for name, value in FEW.items() if name != "steps"}
    given = {**few, "depth_values": "nearer", **changes}
    complete = CARD.check_parameters(CARD.variant(PICTURE), given)
    inputs = EngineInputs("", PICTURE, pictures or picture(), complete)
    return engines[PICTURE].generate(inputs, silent())


def views(generation: Generation) -> RgbdViews:
    assert isinstance(generation.representation, RgbdViews)
    return generation.representation


def test_the_same_seed_gives_the_same_and_another_does_not(engines: Mapping[str, Ivid]) -> None:
    first, again, other = (views(generate(engines, seed=seed)).views for seed in (1, 1, 2))
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.depths, again.depths)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 4},
        {"view_steps": 3},
        {"guidance": 0.0},
        {"guidance": 1.0},
        {"sampler": "ddim"},
        {"yaws": "5, -10"},
        {"pitches": "4"},
        {"order": "rings"},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_every_parameter_changes_the_result(
    engines: Mapping[str, Ivid], change: dict[str, Any]
) -> None:
    plain, changed = views(generate(engines)).views, views(generate(engines, **change)).views
    assert not np.array_equal(plain.images, changed.images)


def test_the_order_leaves_views_alone_that_do_not_depend_on_it(engines: Mapping[str, Ivid]) -> None:
    """Noise belongs to a view: the first two views are the same, made alone or in a ring."""
    plain, rings = generate(engines), generate(engines, order="rings")
    images = [views(each).views.images for each in (plain, rings)]
    assert np.allclose(images[0][:2], images[1][:2], atol=1e-4)
    assert not np.allclose(images[0][2], images[1][2], atol=1e-4)
    assert plain.notes == ()
    assert "do not see each other" in rings.notes[0]


@pytest.mark.parametrize(("viewset", "count"), [("uncond", 1), ("random", 2), ("3x9", 27)])
def test_viewsets_have_their_views(engines: Mapping[str, Ivid], viewset: str, count: int) -> None:
    generation = generate(engines, viewset=viewset, steps=1, view_steps=1, guidance=0.0)
    assert len(views(generation).views) == count
    assert generation.placement is AssetPlacement.CAMERA
    assert generation.camera_path is not None
    front = np.reshape(generation.camera_path.poses[0], (4, 4))
    assert np.allclose(front, [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 1], [0, 0, 0, 1]])


def first_previews(engines: Mapping[str, Ivid], **changes: Any) -> list[NDArray[np.uint8]]:
    """Of the first three steps, after which the job is cancelled."""
    previews: list[NDArray[np.uint8]] = []
    progress = Progress(
        lambda _, stage: None,
        lambda: len(previews) == 3,
        offer_preview=lambda draw: previews.append(draw()),
    )
    with pytest.raises(Cancelled):
        generate(engines, progress, steps=1000, **changes)
    return previews


def test_the_published_sampler_takes_all_thousand_steps_of_ddpm(
    engines: Mapping[str, Ivid],
) -> None:
    published, ddim = (first_previews(engines, sampler=name) for name in ("published", "ddim"))
    assert np.array_equal(published[0], ddim[0])
    assert not np.array_equal(published[2], ddim[2])


def test_a_picture_s_first_view_is_the_picture(engines: Mapping[str, Ivid]) -> None:
    generation = continue_picture(engines)
    first = views(generation).views.view(0)
    assert first.image.shape == (SIZE, SIZE, 3)
    assert abs(float(first.image[..., 2].mean()) - 90 / 255) < 0.02
    assert (np.diff(first.depth[:, SIZE // 2]) <= 1e-6).all()  # nearer below
    assert 0.75 - 1e-3 <= first.depth.min() < first.depth.max() <= 1.5 + 1e-3
    turned = continue_picture(engines, depth_values="farther")
    assert (np.diff(views(turned).views.view(0).depth[:, SIZE // 2]) >= -1e-6).all()


def test_products_are_made_of_the_views(engines: Mapping[str, Ivid]) -> None:
    representation = continue_picture(engines).representation
    cloud = representation.gaussians(silent(), "cpu")
    options = ExtractionOptions(face_budget=400, resolution=32)
    surface = representation.colored_surface(options, silent(), "cpu").surface
    assert SIZE**2 <= len(cloud) < 3 * SIZE**2
    assert 0 < len(surface.faces) <= 400


def with_other_depths(change: NDArray[np.uint8]) -> dict[ConditionKind, NDArray[np.uint8]]:
    return {**picture(), ConditionKind.DEPTH: change}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"yaws": "0, 90"}, "Among yaws is 90 degrees"),
        ({"pitches": "-20"}, "Among pitches is -20 degrees"),
        ({"yaws": "left"}, "yaws are 'left'"),
        ({"yaws": "nan"}, "yaws are 'nan'"),
        ({"yaws": "0", "pitches": "0"}, "are 1 views"),
        ({"yaws": ",".join(map(str, range(-30, 30))), "pitches": "0, 3"}, "are 1.. views"),
        ({"steps": 0}, "between 1 and 1,000"),
        ({"view_steps": 0}, "between 1 and 1,000"),
    ],
)
def test_bad_views_and_steps_are_refused(
    engines: Mapping[str, Ivid], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        generate(engines, **change)


@pytest.mark.parametrize(
    ("pictures", "change", "message"),
    [
        (None, {"depth_values": "unspecified"}, "farther or nearer"),
        (with_other_depths(np.full((20, 50, 4), 255, np.uint8)), {}, "50 x 20 pixels"),
        (with_other_depths(np.full((40, 50, 4), 255, np.uint8)), {}, "of one value"),
        (None, {"depth_near": 2.0}, "not beyond depth_near"),
    ],
)
def test_bad_depth_maps_are_refused(
    engines: Mapping[str, Ivid],
    pictures: dict[ConditionKind, NDArray[np.uint8]] | None,
    change: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        continue_picture(engines, pictures, **change)


def test_an_unknown_class_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(NotFound, match="golden retreiver") as error:
        GenerateRequest(engine="ivid", class_label="golden retreiver").completed(CARD)
    assert "golden retriever" in error.value.remedy
    assert error.value.remedy.count(",") == 4


def test_a_class_is_known_by_name_and_number() -> None:
    assert len(CLASS_LABELS) == len({label.casefold() for label in CLASS_LABELS}) == 1000
    for text in ("207", "Golden Retriever"):
        request = GenerateRequest(engine="ivid", class_label=text).completed(CARD)
        assert request.class_label == CLASS_LABELS[207] == "golden retriever"


def test_a_picture_needs_a_depth_map() -> None:
    request = GenerateRequest(
        engine="ivid", variant=PICTURE, pictures={ConditionKind.IMAGE: "upload"}
    )
    with pytest.raises(InvalidRequest, match="needs a depth map"):
        request.completed(CARD)


def test_a_cancelled_job_keeps_nothing_and_has_said_how_many_views_were_done(
    engines: Mapping[str, Ivid],
) -> None:
    stages: list[str] = []
    progress = Progress(lambda _, stage: stages.append(stage), lambda: len(stages) == 8)
    with pytest.raises(Cancelled):
        generate(engines, progress)
    assert stages[0] == "0 of 3 views done"
    assert stages[-1] == "2 of 3 views done"


def test_progress_ends_at_one_and_each_step_has_a_preview(engines: Mapping[str, Ivid]) -> None:
    fractions: list[float] = []
    previews: list[NDArray[np.uint8]] = []
    progress = Progress(
        lambda fraction, _: fractions.append(fraction),
        lambda: False,
        offer_preview=lambda draw: previews.append(draw()),
    )
    generate(engines, progress)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert [image.shape for image in previews] == 7 * [(SIZE, SIZE, 3)]


def test_missing_weights_are_named_but_those_of_further_views_only_for_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    engine = {CLASS: load(CLASS, "cpu")}
    with pytest.raises(WeightsMissing, match="ivid-uncond"):
        generate(engine, viewset="uncond")
    needed = {
        viewset: [
            checkpoint.id
            for checkpoint in CARD.variant(CLASS).required_checkpoints(
                frozenset(), {"viewset": viewset}
            )
        ]
        for viewset in ("uncond", "3x9")
    }
    assert needed == {"uncond": ["ivid-uncond"], "3x9": ["ivid-uncond", "ivid-cond"]}


def test_a_cpu_refuses_what_would_take_hours(
    engines: Mapping[str, Ivid], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splatsmith.engines.ivid.networks.MAX_CPU_OPERATIONS", 1e9)
    with pytest.raises(InvalidRequest, match="2,000 evaluations"):
        generate(engines, steps=1000)
    with pytest.raises(InvalidRequest, match="evaluations"):
        generate(engines, steps=1, view_steps=1000)
