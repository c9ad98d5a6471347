"""Sampling from a noisy Gaussian blob, with small random networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from splatsmith.contract.cards import ConditionKind
from splatsmith.contract.cloud import GaussianCloud
from splatsmith.engines.base import EngineInputs
from splatsmith.engines.diffsplat.base_models import BASE_MODELS
from splatsmith.engines.diffsplat.card import CARD
from splatsmith.engines.diffsplat.engine import DiffSplat, load
from splatsmith.engines.diffsplat.image_conditions import encode_blob
from splatsmith.engines.diffsplat.image_preparation import gaussian_blob
from splatsmith.engines.diffsplat.networks import Networks
from splatsmith.nn.offload import Offload
from splatsmith.progress import Progress
from tests.backend.engines.generated import cloud_of

VARIANTS = [variant.id for variant in CARD.variants]


@pytest.fixture(scope="module")
def engines(checkpoints: Path) -> Mapping[str, DiffSplat]:
    return {variant: load(variant, "cpu") for variant in VARIANTS}


def generate(engine: DiffSplat, variant: str, **parameters: object) -> tuple[GaussianCloud, int]:
    """The cloud, and how often progress was reported."""
    given = {"steps": 4, **parameters}
    complete = CARD.check_parameters(CARD.variant(variant), given)
    reports: list[float] = []
    progress = Progress(lambda fraction, _: reports.append(fraction), lambda: False)
    inputs = EngineInputs("a box", variant, {}, complete)
    return cloud_of(engine.generate(inputs, progress)), len(reports)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_blob_changes_the_result_and_its_parameters_do(
    engines: Mapping[str, DiffSplat], variant: str
) -> None:
    changes = (
        {},
        {"blob": True},
        {"blob": True, "blob_size": 0.3},
        {"blob": True, "blob_strength": 0.5},
        {"blob": True, "blob_background": 0.5},
    )
    clouds = [generate(engines[variant], variant, **change)[0] for change in changes]
    assert len({cloud.means.tobytes() for cloud in clouds}) == len(changes)
    repeated, _ = generate(engines[variant], variant, blob=True)
    assert np.array_equal(repeated.means, clouds[1].means)


def test_blob_parameters_have_no_effect_without_a_blob(engines: Mapping[str, DiffSplat]) -> None:
    plain, _ = generate(engines["sd15"], "sd15")
    with_size, _ = generate(engines["sd15"], "sd15", blob_size=0.3, blob_strength=0.5)
    assert np.array_equal(plain.means, with_size.means)


@pytest.mark.parametrize(("strength", "steps"), [(1.0, 4), (0.75, 3), (0.5, 2), (0.1, 1)])
def test_the_strength_is_the_share_of_steps(
    engines: Mapping[str, DiffSplat], strength: float, steps: int
) -> None:
    _, reports = generate(engines["sd15"], "sd15", blob=True, blob_strength=strength)
    assert reports == steps + 3  # start, prompt, and end


def test_the_image_vae_is_required_for_a_blob_or_a_picture() -> None:
    for variant in CARD.variants:
        for given, blob, is_required in (
            ({ConditionKind.TEXT}, False, False),
            ({ConditionKind.TEXT}, True, True),
            ({ConditionKind.TEXT, ConditionKind.IMAGE}, False, True),
        ):
            parameters = CARD.check_parameters(variant, {"blob": blob})
            required = variant.required_checkpoints(frozenset(given), parameters)
            vaes = [each.id for each in required if each.id.endswith("-vae")]
            assert bool(vaes) is is_required, (variant.id, given, blob)


def test_a_blob_is_a_dark_gaussian_on_white() -> None:
    size, std = 64, 0.1
    blob = gaussian_blob(size, std, background=0.0)
    assert blob.shape == (1, 3, size, size)
    assert torch.equal(blob[0, 0], blob[0, 2])
    assert blob[..., 0, :].min() > 0.999
    centre, one_std = (
        blob[0, 0, size // 2, size // 2],
        blob[0, 0, size // 2, 32 + round(std * size)],
    )
    assert centre == pytest.approx(0.0, abs=0.01)
    assert one_std == pytest.approx(1 - np.exp(-0.5), abs=0.06)


def test_a_background_darkens_and_saturates() -> None:
    light, dark = gaussian_blob(64, 0.1, 0.0), gaussian_blob(64, 0.1, 0.4)
    assert dark.min() == 0
    assert torch.allclose(dark, (light - 0.4).clamp(min=0), atol=0.02)


def test_the_blobs_latents_are_samples_of_the_posterior(checkpoints: Path) -> None:
    networks = Networks(BASE_MODELS["sd35-medium"], torch.float32, Offload("cpu", stays=True))
    encoder = networks.image_encoder()
    encoder.register_to_config(shift_factor=0.5)
    blob, noise = gaussian_blob(64, 0.1, 0.0), torch.zeros(4, 16, 8, 8)
    with torch.inference_mode():
        latents = encode_blob(encoder, blob, noise)
        mode = encoder.encode(2 * blob - 1, return_dict=False)[0].mode()
    assert latents.shape == (4, 16, 8, 8)
    torch.testing.assert_close(latents[3:], (mode - 0.5) * encoder.config["scaling_factor"])
