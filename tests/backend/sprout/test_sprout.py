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
from splatsmith.engines.sprout.color_names import has_mainly
from splatsmith.engines.sprout.engine import Sprout, load
from splatsmith.engines.sprout.model import Condition as Told
from splatsmith.engines.sprout.model import LatentDenoiser, Shape, SplatDecoder
from splatsmith.errors import Cancelled, UnreadablePicture, WeightsDamaged
from splatsmith.gaussians.cameras import orbit_cameras
from splatsmith.gaussians.rasterize import rasterize
from splatsmith.progress import Progress, silent


@pytest.fixture(scope="module")
def sprout() -> Sprout:
    return load("base", "cpu")


def make(
    sprout: Sprout,
    prompt: str = "",
    cutout: NDArray[np.uint8] | None = None,
    progress: Progress | None = None,
    **parameters: float,
) -> Generation:
    pictures: Mapping[ConditionKind, NDArray[np.uint8]] = (
        {} if cutout is None else {ConditionKind.IMAGE: cutout}
    )
    complete = CARD.check_parameters({"steps": 2, **parameters})
    return sprout.generate(EngineInputs(prompt, "base", pictures, complete), progress or silent())


def red_square() -> NDArray[np.uint8]:
    picture = np.zeros((60, 90, 4), np.uint8)
    picture[10:40, 50:80] = (220, 30, 30, 255)
    return picture


def test_text_becomes_a_cloud_inside_the_asset_frame(sprout: Sprout) -> None:
    cloud = make(sprout, "a wooden chair").cloud
    assert len(cloud) > 200
    assert np.abs(cloud.means).max() < 2
    assert np.allclose(np.linalg.norm(cloud.quats, axis=1), 1, atol=1e-4)


def test_the_seed_decides(sprout: Sprout) -> None:
    first, again, other = (make(sprout, "a tree", seed=seed).cloud for seed in (1, 1, 2))
    assert np.array_equal(first.means, again.means)
    assert not np.array_equal(first.opacities, other.opacities)


def test_a_picture_gives_its_colour_and_camera(sprout: Sprout) -> None:
    made = make(sprout, cutout=red_square(), detail=0.0, elevation=30.0)
    red, green, blue = np.average(
        0.5 + 0.28209479 * made.cloud.sh0, axis=0, weights=made.cloud.opacities
    )
    assert red > green + 0.2
    assert red > blue + 0.2
    assert made.camera.elevation == 30.0


def test_text_and_a_picture_go_together(sprout: Sprout) -> None:
    assert len(make(sprout, "a red box", red_square()).cloud) > 100


def test_a_transparent_picture_is_refused(sprout: Sprout) -> None:
    with pytest.raises(UnreadablePicture):
        make(sprout, cutout=np.zeros((8, 8, 4), np.uint8))


def test_cancel_stops_between_steps(sprout: Sprout) -> None:
    reached: list[float] = []
    progress = Progress(lambda fraction, _: reached.append(fraction), lambda: len(reached) >= 2)
    with pytest.raises(Cancelled):
        make(sprout, "a house", progress=progress, steps=50)
    assert len(reached) == 2


def test_progress_ends_at_one(sprout: Sprout) -> None:
    reached: list[float] = []
    make(
        sprout,
        "a house",
        progress=replace(silent(), report=lambda fraction, _: reached.append(fraction)),
    )
    assert reached == sorted(reached)
    assert reached[-1] == 1.0


def test_damaged_weights_are_named(tmp_path) -> None:  # noqa: ANN001
    cut = tmp_path / "sprout.safetensors"
    cut.write_bytes((FOLDER / WEIGHTS.files[0].path).read_bytes()[:100_000])
    with pytest.raises(WeightsDamaged):
        read_networks(cut)


def test_weights_come_back_as_they_were_stored(tmp_path) -> None:  # noqa: ANN001
    networks = LatentDenoiser(Shape()), SplatDecoder(Shape())
    save_networks(*networks, tmp_path / "small.safetensors")
    again = read_networks(tmp_path / "small.safetensors")
    for first, second in zip(networks, again, strict=True):
        for name, value in first.state_dict().items():
            found = second.state_dict()[name]
            assert found.dtype == torch.float32
            rows, errors = value.reshape(len(value), -1), (found - value).reshape(len(value), -1)
            assert (errors.abs().amax(1) <= rows.abs().amax(1) / 250 + 1e-6).all(), name


def two_colors() -> NDArray[np.uint8]:
    """A blue box with a yellow patch, left of its middle."""
    picture = np.zeros((120, 100, 4), np.uint8)
    picture[20:100, 20:80] = (40, 60, 200, 255)
    picture[30:60, 25:50] = (230, 200, 40, 255)
    return picture


def likeness(made: Generation, cutout: NDArray[np.uint8]) -> float:
    """PSNR of what the conditioning camera sees, framed as the picture is, dB."""
    camera = made.camera
    cameras = orbit_cameras([0.0], camera.elevation, camera.distance, camera.fov, 256)
    drawn = rasterize(made.cloud, cameras, background=(0, 0, 0))
    straight = drawn.colors[0] / np.maximum(drawn.alphas[0, ..., None], 1e-3)
    seen = np.concatenate([straight, drawn.alphas[0, ..., None]], axis=2).clip(0, 1)
    ours, theirs = (
        frame_cutout(one, 128) for one in ((255 * seen).round().astype(np.uint8), cutout)
    )
    return float(-10 * np.log10(np.square((ours - theirs) / 2).mean()))


def test_refinement_brings_the_front_nearer_to_the_picture(sprout: Sprout) -> None:
    rough, fine = (make(sprout, cutout=two_colors(), refinement=steps) for steps in (0, 8))
    assert likeness(fine, two_colors()) > likeness(rough, two_colors()) + 2


def test_refinement_can_be_cancelled(sprout: Sprout) -> None:
    reached: list[float] = []
    progress = Progress(lambda fraction, _: reached.append(fraction), lambda: len(reached) >= 6)
    with pytest.raises(Cancelled):
        make(sprout, cutout=red_square(), progress=progress, refinement=50)
    assert len(reached) == 6


def test_colours_come_out_as_asked(sprout: Sprout) -> None:
    for name in ("purple", "green"):
        assert has_mainly(make(sprout, f"a {name} house", steps=4).cloud, name)


def test_a_synonym_is_the_thing_that_training_knew(sprout: Sprout) -> None:
    car, automobile, van = (
        make(sprout, f"a {name}").cloud for name in ("car", "automobile", "van")
    )
    assert np.array_equal(car.means, automobile.means)
    assert not np.array_equal(car.opacities, van.opacities)


def seen_from_the_camera(made: Generation) -> NDArray[np.float32]:
    """Alpha [128, 128] of the view of 40 degrees that a kept picture is."""
    camera = made.camera
    cameras = orbit_cameras([0.0], camera.elevation, camera.distance, camera.fov, 128)
    return rasterize(made.cloud, cameras).alphas[0]


@pytest.mark.parametrize("refinement", [0, 4])
def test_an_object_stays_where_a_kept_picture_shows_it(sprout: Sprout, refinement: int) -> None:
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[56:100, 20:64] = (40, 160, 60, 255)
    given = {"cutout": picture, "elevation": 15.0, "refinement": refinement}
    asked = picture[..., 3] > 0
    overlaps = []
    for kept in (False, True):
        ours = seen_from_the_camera(make(sprout, keep_framing=kept, **given)) > 0.5
        overlaps.append((ours & asked).sum() / (ours | asked).sum())
    assert overlaps[1] > 0.85
    assert overlaps[1] > overlaps[0] + 0.3


def test_frames_change_what_is_estimated_only_where_they_are_told() -> None:
    torch.manual_seed(0)
    denoiser = LatentDenoiser(Shape(width=64, blocks=1))
    torch.nn.init.normal_(denoiser.leave.weight)
    torch.nn.init.normal_(denoiser.frame.weight)
    picture, nothing = torch.rand(1, 4, 128, 128), torch.zeros(1, 17, 384)
    untold = Told(nothing, nothing[..., 0] > 0, picture, torch.tensor([15.0]))
    frame = torch.tensor([[0.1, -0.2, -0.5]])
    estimates = [
        denoiser.estimate(replace(untold, frame=each))
        for each in (None, torch.full((1, 3), torch.nan), frame)
    ]
    assert torch.equal(estimates[0], estimates[1])
    assert not torch.allclose(estimates[0], estimates[2])
