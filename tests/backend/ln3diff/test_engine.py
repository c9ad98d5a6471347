"""The engine with small random networks: determinism, samples, parameters, cancellation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.problems import InvalidRequest
from splatsmith.engines.base import EngineInputs, Generation
from splatsmith.engines.ln3diff import engine as engine_module
from splatsmith.engines.ln3diff.card import CARD
from splatsmith.engines.ln3diff.engine import LN3Diff, load
from splatsmith.errors import Cancelled, UnreadablePicture, WeightsMissing
from splatsmith.progress import Progress, silent
from splatsmith.representations.density_field import DensityField
from splatsmith.settings import DATA_VARIABLE

IMAGE, TEXT = "image", "text"
POINTS = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) - 0.5


@pytest.fixture(scope="module")
def engines(checkpoints: Path) -> Mapping[str, LN3Diff]:
    return {variant.id: load(variant.id, "cpu") for variant in CARD.variants}


def ball(hue: int = 0) -> NDArray[np.uint8]:
    """A cut-out ball, RGBA [80, 100, 4]."""
    y, x = np.mgrid[:80, :100]
    picture = np.zeros((80, 100, 4), np.uint8)
    picture[..., hue] = 2 * x
    picture[..., 3] = 255 * ((x - 45) ** 2 + (y - 40) ** 2 < 900)
    return picture


def generate(
    engine: LN3Diff,
    variant: str,
    progress: Progress | None = None,
    given: object = None,
    **parameters: object,
) -> Generation:
    """From the picture or prompt `given`, in few steps."""
    fast = {"steps": 3, **({"solver": "euler"} if variant == IMAGE else {}), **parameters}
    complete = CARD.check_parameters(CARD.variant(variant), fast)
    if variant == IMAGE:
        picture: Any = ball() if given is None else given
        inputs = EngineInputs("", variant, {ConditionKind.IMAGE: picture}, complete)
    else:
        inputs = EngineInputs(str(given or "a stone"), variant, {}, complete)
    return engine.generate(inputs, progress or silent())


def densities(generation: Generation) -> Tensor:
    field = generation.representation
    assert isinstance(field, DensityField)
    with torch.inference_mode():
        return field.function.evaluate(POINTS)[0]


@pytest.mark.parametrize("variant", [IMAGE, TEXT])
def test_the_same_seed_gives_the_same_and_another_does_not(
    engines: Mapping[str, LN3Diff], variant: str
) -> None:
    first = densities(generate(engines[variant], variant, seed=1))
    other = densities(generate(engines[variant], variant, seed=2))
    again = densities(generate(load(variant, "cpu"), variant, seed=1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("variant", "change"),
    [
        (IMAGE, {"given": ball(1)}),
        (IMAGE, {"steps": 4}),
        (IMAGE, {"solver": "dopri5"}),
        (IMAGE, {"solver": "midpoint"}),
        (IMAGE, {"solver": "heun"}),
        (IMAGE, {"guidance": 1.0}),
        (IMAGE, {"guidance": 7.0}),
        (IMAGE, {"foreground_ratio": 0.5}),
        (IMAGE, {"preparation": "published"}),
        (IMAGE, {"precision": "bfloat16"}),
        (TEXT, {"given": "a tree"}),
        (TEXT, {"steps": 4}),
        (TEXT, {"guidance": 1.0}),
        (TEXT, {"guidance": 2.0}),
        (TEXT, {"precision": "bfloat16"}),
    ],
    ids=str,
)
def test_every_parameter_changes_the_result(
    engines: Mapping[str, LN3Diff], variant: str, change: dict[str, Any]
) -> None:
    plain = densities(generate(engines[variant], variant))
    assert not torch.equal(densities(generate(engines[variant], variant, **change)), plain)


def test_the_level_is_the_field_s(engines: Mapping[str, LN3Diff]) -> None:
    field = generate(engines[TEXT], TEXT, level=3.5).representation
    assert isinstance(field, DensityField)
    assert field.function.level == 3.5


@pytest.mark.parametrize("variant", [IMAGE, TEXT])
def test_samples_of_a_batch_differ_and_the_batch_is_sampled_once(
    engines: Mapping[str, LN3Diff], variant: str
) -> None:
    steps = 0

    def count(_fraction: float, _stage: str) -> None:
        nonlocal steps
        steps += 1

    progress = Progress(count, lambda: False)
    engine = engines[variant]
    results = [
        densities(generate(engine, variant, progress, seed=9, samples=3, sample=sample))
        for sample in (1, 2, 3)
    ]
    assert steps <= 3 + 3 + 2  # the batch's steps, and the end of each job
    assert len({result.numpy().tobytes() for result in results}) == 3
    alone = load(variant, "cpu")
    again = densities(generate(alone, variant, seed=9, samples=3, sample=2))
    assert torch.equal(again, results[1])


def test_a_sample_that_the_batch_does_not_have_is_refused(
    engines: Mapping[str, LN3Diff],
) -> None:
    with pytest.raises(InvalidRequest, match="There is no sample 3"):
        generate(engines[TEXT], TEXT, samples=2, sample=3)


@pytest.mark.parametrize("samples", [0, 9])
def test_impossible_numbers_of_samples_are_refused(samples: int) -> None:
    with pytest.raises(InvalidRequest, match="between 1 and 8"):
        CARD.check_parameters(CARD.variant(TEXT), {"samples": samples})


def test_the_picture_comes_back_as_the_network_saw_it(engines: Mapping[str, LN3Diff]) -> None:
    prepared = generate(engines[IMAGE], IMAGE).prepared_picture
    assert prepared is not None
    assert prepared.shape == (224, 224, 3)
    assert prepared[0, 0].tolist() == [255, 255, 255]
    columns = np.flatnonzero((prepared < 250).any(axis=(0, 2)))
    assert (columns[-1] + 1 - columns[0]) / 224 == pytest.approx(0.85, abs=0.02)
    assert generate(engines[TEXT], TEXT).prepared_picture is None


@pytest.mark.parametrize(
    ("variant", "change"), [(IMAGE, {"solver": "dopri5"}), (IMAGE, {}), (TEXT, {})]
)
def test_progress_rises_to_one(
    engines: Mapping[str, LN3Diff], variant: str, change: dict[str, Any]
) -> None:
    fractions: list[float] = []
    progress = Progress(lambda share, _: fractions.append(share), lambda: False)
    generate(engines[variant], variant, progress, seed=77, **change)
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)


@pytest.mark.parametrize("variant", [IMAGE, TEXT])
@pytest.mark.parametrize("steps_until_cancelled", range(4))
def test_a_cancelled_job_stops_at_once_and_the_next_is_as_ever(
    engines: Mapping[str, LN3Diff], variant: str, steps_until_cancelled: int
) -> None:
    engine = engines[variant]
    before = densities(generate(engine, variant))
    reports: list[float] = []
    progress = Progress(
        lambda share, _: reports.append(share), lambda: len(reports) == steps_until_cancelled
    )
    with pytest.raises(Cancelled):
        generate(engine, variant, progress, seed=5)
    assert len(reports) == steps_until_cancelled
    assert torch.equal(densities(generate(engine, variant)), before)


def test_a_picture_without_an_object_is_refused(engines: Mapping[str, LN3Diff]) -> None:
    empty = np.zeros((40, 40, 4), np.uint8)
    for preparation in ("fine", "published"):
        with pytest.raises(UnreadablePicture, match="shows nothing"):
            generate(engines[IMAGE], IMAGE, given=empty, preparation=preparation)


@pytest.mark.parametrize(
    ("variant", "message"), [(IMAGE, "There is no picture"), (TEXT, "There is no prompt")]
)
def test_nothing_to_go_by_is_refused(variant: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        CARD.check_conditions(CARD.variant(variant), frozenset())


def test_a_prompt_that_is_cut_is_noted(engines: Mapping[str, LN3Diff]) -> None:
    generation = generate(engines[TEXT], TEXT, given="a red stone " * 30)
    (note,) = generation.notes
    assert note.startswith("The prompt was cut after")


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsMissing, match="ln3diff-t23d"):
        generate(load(TEXT, "cpu"), TEXT)


@pytest.mark.parametrize(
    ("variant", "change"), [(TEXT, {"steps": 100}), (IMAGE, {"solver": "dopri5"})]
)
def test_a_cpu_refuses_what_would_take_hours(
    engines: Mapping[str, LN3Diff],
    variant: str,
    change: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "MAX_CPU_OPERATIONS", 1e9)
    with pytest.raises(InvalidRequest, match="100 evaluations of the network"):
        generate(engines[variant], variant, seed=3, **change)
