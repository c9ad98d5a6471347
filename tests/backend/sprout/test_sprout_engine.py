"""The built-in engine, with its real weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from splatsmith.conditioning.framing import frame_cutout
from splatsmith.contract.cards import ConditionKind
from splatsmith.engines.base import EngineInputs, Generation
from splatsmith.engines.sprout.card import CARD, WEIGHTS
from splatsmith.engines.sprout.checkpoint import FOLDER, read_networks, save_networks
from splatsmith.engines.sprout.color_names import dominant_color
from splatsmith.engines.sprout.engine import Sprout, load
from splatsmith.engines.sprout.model import (
    DenoiserInputs,
    LatentDenoiser,
    SplatDecoder,
    SproutConfig,
)
from splatsmith.errors import Cancelled, UnreadablePicture, WeightsDamaged
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.progress import Progress, silent
from tests.backend.engines.generated import cloud_of


@pytest.fixture(scope="module")
def sprout() -> Sprout:
    return load("base", "cpu")


def generate(
    sprout: Sprout,
    prompt: str = "",
    cutout: NDArray[np.uint8] | None = None,
    progress: Progress | None = None,
    **parameters: float,
) -> Generation:
    pictures: Mapping[ConditionKind, NDArray[np.uint8]] = (
        {} if cutout is None else {ConditionKind.IMAGE: cutout}
    )
    complete = CARD.check_parameters(CARD.variant("base"), {"steps": 2, **parameters})
    return sprout.generate(EngineInputs(prompt, "base", pictures, complete), progress or silent())


def red_square() -> NDArray[np.uint8]:
    picture = np.zeros((60, 90, 4), np.uint8)
    picture[10:40, 50:80] = (220, 30, 30, 255)
    return picture


def test_text_becomes_a_cloud_inside_the_asset_frame(sprout: Sprout) -> None:
    cloud = cloud_of(generate(sprout, "a wooden chair"))
    assert len(cloud) > 200
    assert np.abs(cloud.means).max() < 2
    assert np.allclose(np.linalg.norm(cloud.quats, axis=1), 1, atol=1e-4)


def test_the_seed_determines_the_result(sprout: Sprout) -> None:
    first, repeated, other = (cloud_of(generate(sprout, "a tree", seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.means, repeated.means)
    assert not np.array_equal(first.opacities, other.opacities)


def test_a_picture_determines_colour_and_camera(sprout: Sprout) -> None:
    generation = generate(sprout, cutout=red_square(), detail=0.0, elevation=30.0)
    red, green, blue = np.average(
        0.5 + 0.28209479 * cloud_of(generation).sh0, axis=0, weights=cloud_of(generation).opacities
    )
    assert red > green + 0.2
    assert red > blue + 0.2
    assert generation.camera.elevation == 30.0


def test_text_and_a_picture_combine(sprout: Sprout) -> None:
    assert len(cloud_of(generate(sprout, "a red box", red_square()))) > 100


def test_a_transparent_picture_is_refused(sprout: Sprout) -> None:
    with pytest.raises(UnreadablePicture):
        generate(sprout, cutout=np.zeros((8, 8, 4), np.uint8))


def test_cancel_stops_between_steps(sprout: Sprout) -> None:
    fractions: list[float] = []
    progress = Progress(lambda fraction, _: fractions.append(fraction), lambda: len(fractions) >= 2)
    with pytest.raises(Cancelled):
        generate(sprout, "a house", progress=progress, steps=50)
    assert len(fractions) == 2


def test_progress_ends_at_one(sprout: Sprout) -> None:
    fractions: list[float] = []
    generate(
        sprout,
        "a house",
        progress=replace(silent(), report=lambda fraction, _: fractions.append(fraction)),
    )
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_damaged_weights_are_refused(tmp_path) -> None:  # noqa: ANN001
    cut = tmp_path / "sprout.safetensors"
    cut.write_bytes((FOLDER / WEIGHTS.files[0].path).read_bytes()[:100_000])
    with pytest.raises(WeightsDamaged):
        read_networks(cut)


def test_saved_weights_load_within_the_quantisation_error(tmp_path) -> None:  # noqa: ANN001
    networks = LatentDenoiser(SproutConfig()), SplatDecoder(SproutConfig())
    save_networks(*networks, tmp_path / "small.safetensors")
    loaded = read_networks(tmp_path / "small.safetensors")
    for first, second in zip(networks, loaded, strict=True):
        for name, value in first.state_dict().items():
            restored = second.state_dict()[name]
            assert restored.dtype == torch.float32
            rows, errors = value.reshape(len(value), -1), (restored - value).reshape(len(value), -1)
            assert (errors.abs().amax(1) <= rows.abs().amax(1) / 250 + 1e-6).all(), name


def two_colors() -> NDArray[np.uint8]:
    """A blue box with a yellow patch, left of its middle."""
    picture = np.zeros((120, 100, 4), np.uint8)
    picture[20:100, 20:80] = (40, 60, 200, 255)
    picture[30:60, 25:50] = (230, 200, 40, 255)
    return picture


def psnr(generation: Generation, cutout: NDArray[np.uint8]) -> float:
    """Of the conditioning camera's view, framed as the picture is; dB."""
    camera = generation.camera
    cameras = orbit_cameras([0.0], camera.elevation, camera.distance, camera.fov, 256)
    rendered = rasterize(cloud_of(generation), cameras, background=(0, 0, 0))
    straight = rendered.colors[0] / np.maximum(rendered.alphas[0, ..., None], 1e-3)
    rgba = np.concatenate([straight, rendered.alphas[0, ..., None]], axis=2).clip(0, 1)
    ours, theirs = (
        frame_cutout(one, 128) for one in ((255 * rgba).round().astype(np.uint8), cutout)
    )
    return float(-10 * np.log10(np.square((ours - theirs) / 2).mean()))


def test_refinement_raises_the_psnr_of_the_front(sprout: Sprout) -> None:
    unrefined, refined = (
        generate(sprout, cutout=two_colors(), refinement=steps) for steps in (0, 8)
    )
    assert psnr(refined, two_colors()) > psnr(unrefined, two_colors()) + 2


def test_refinement_can_be_cancelled(sprout: Sprout) -> None:
    fractions: list[float] = []
    progress = Progress(lambda fraction, _: fractions.append(fraction), lambda: len(fractions) >= 6)
    with pytest.raises(Cancelled):
        generate(sprout, cutout=red_square(), progress=progress, refinement=50)
    assert len(fractions) == 6


def test_an_object_has_the_colour_that_its_prompt_names(sprout: Sprout) -> None:
    for name in ("purple", "green"):
        assert dominant_color(cloud_of(generate(sprout, f"a {name} house", steps=4))) == name


def test_a_synonym_gives_the_same_asset_as_its_training_noun(sprout: Sprout) -> None:
    car, automobile, van = (
        cloud_of(generate(sprout, f"a {name}")) for name in ("car", "automobile", "van")
    )
    assert np.array_equal(car.means, automobile.means)
    assert not np.array_equal(car.opacities, van.opacities)


def conditioning_alpha(generation: Generation) -> NDArray[np.float32]:
    """Alpha [128, 128] from the camera that keep_framing assumes."""
    camera = generation.camera
    cameras = orbit_cameras([0.0], camera.elevation, camera.distance, camera.fov, 128)
    return rasterize(cloud_of(generation), cameras).alphas[0]


@pytest.mark.parametrize("refinement", [0, 4])
def test_keep_framing_keeps_position_and_size(sprout: Sprout, refinement: int) -> None:
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[56:100, 20:64] = (40, 160, 60, 255)
    given = {"cutout": picture, "elevation": 15.0, "refinement": refinement}
    mask = picture[..., 3] > 0
    overlaps = []
    for keep_framing in (False, True):
        rendered = conditioning_alpha(generate(sprout, keep_framing=keep_framing, **given)) > 0.5
        overlaps.append((rendered & mask).sum() / (rendered | mask).sum())
    assert overlaps[1] > 0.85
    assert overlaps[1] > overlaps[0] + 0.3


def test_a_frame_changes_the_estimate_only_where_it_is_known() -> None:
    torch.manual_seed(0)
    denoiser = LatentDenoiser(SproutConfig(width=64, blocks=1))
    torch.nn.init.normal_(denoiser.output_proj.weight)
    torch.nn.init.normal_(denoiser.frame_proj.weight)
    picture, text = torch.rand(1, 4, 128, 128), torch.zeros(1, 17, 384)
    without_frame = DenoiserInputs(text, text[..., 0] > 0, picture, torch.tensor([15.0]))
    frame = torch.tensor([[0.1, -0.2, -0.5]])
    estimates = [
        denoiser.estimate(replace(without_frame, frame=each))
        for each in (None, torch.full((1, 3), torch.nan), frame)
    ]
    assert torch.equal(estimates[0], estimates[1])
    assert not torch.allclose(estimates[0], estimates[2])
