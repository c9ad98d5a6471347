"""What prompts name, and clouds that take the colour asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.contract.cloud import SH_C0, GaussianCloud
from splatsmith.engines.sprout.color_names import HUES, has_mainly, in_color
from splatsmith.engines.sprout.prompt_parsing import Wording

from ..gaussians.clouds import shell


@pytest.mark.parametrize(
    ("prompt", "thing", "color"),
    [
        ("a red chair", "chair", "red"),
        ("Red Chair", "chair", "red"),
        ("a grey stone wall", "wall", "gray"),
        ("a red chair with a blue cushion", "chair", None),  # two colours: which is where?
        ("a chair with red legs", "chair", None),
        ("a black and white cow", "", None),
        ("an orange", "orange", None),  # the fruit
        ("a red-haired knight", "knight", None),
        ("a wooden table, low poly", "", None),
        ("a red chair, low poly", "", "red"),
        ("a big, red lorry", "", None),
        ("a", "", None),
        ("a house made of red bricks", "house", None),
        ("chair", "chair", None),
        ("", "", None),
        ("!!!", "", None),
        ("with", "", None),
    ],
)
def test_a_prompt_names_a_thing_and_perhaps_its_colour(
    prompt: str, thing: str, color: str | None
) -> None:
    assert Wording.of(prompt) == Wording(prompt, thing, color)


def test_the_thing_can_be_called_otherwise() -> None:
    assert Wording.of("A big Automobile in rain").naming("car") == "A big car in rain"
    assert Wording.of("a thing").naming(r"\g<0>") == r"a \g<0>"


def test_the_article_follows_the_name() -> None:
    assert Wording.of("An automobile").naming("car") == "A car"
    assert Wording.of("a hatchet on a log").naming("axe") == "an axe on a log"
    assert Wording.of("an old hatchet").naming("axe") == "an old axe"


def gray_and_white(white: float) -> GaussianCloud:
    cloud = shell(400)
    colors = np.full((400, 3), 0.45, np.float32)
    colors[: round(400 * white)] = 0.97
    return replace(cloud, sh0=((colors - 0.5) / SH_C0).astype(np.float32))


@pytest.mark.parametrize("name", HUES)
def test_a_cloud_takes_any_colour(name: str) -> None:
    assert has_mainly(in_color(gray_and_white(0.3), name), name)


def test_what_has_another_colour_stays() -> None:
    cloud = gray_and_white(0.3)
    changed = in_color(cloud, "red")
    moved = np.abs(changed.sh0 - cloud.sh0).max(1) * SH_C0
    assert moved[:120].max() < 0.1 < moved[120:].min()
    assert np.array_equal(changed.means, cloud.means)


def test_light_and_dark_stay() -> None:
    cloud = gray_and_white(0.0)
    shades = np.linspace(0.8, 1.1, 400, dtype=np.float32)[:, None]
    shaded = replace(cloud, sh0=((0.45 * shades - 0.5) / SH_C0).repeat(3, 1).astype(np.float32))
    red = 0.5 + SH_C0 * in_color(shaded, "red").sh0[:, 0]
    assert (np.diff(red) > 0).all()
