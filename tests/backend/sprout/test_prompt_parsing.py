"""Parsing prompts, and recolouring clouds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.contract.cloud import SH_C0, GaussianCloud
from splatsmith.engines.sprout.color_names import NAMED_COLORS, dominant_color, recolor
from splatsmith.engines.sprout.prompt_parsing import ParsedPrompt

from ..gaussians.clouds import shell


@pytest.mark.parametrize(
    ("prompt", "noun", "color"),
    [
        ("a red chair", "chair", "red"),
        ("Red Chair", "chair", "red"),
        ("a grey stone wall", "wall", "gray"),
        ("a red chair with a blue cushion", "chair", None),  # two colours: ambiguous
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
def test_noun_and_colour_of_a_prompt(prompt: str, noun: str, color: str | None) -> None:
    assert ParsedPrompt.parse(prompt) == ParsedPrompt(prompt, noun, color)


def test_the_noun_can_be_replaced() -> None:
    assert ParsedPrompt.parse("A big Automobile in rain").with_noun("car") == "A big car in rain"
    assert ParsedPrompt.parse("a thing").with_noun(r"\g<0>") == r"a \g<0>"


def test_the_article_follows_the_noun() -> None:
    assert ParsedPrompt.parse("An automobile").with_noun("car") == "A car"
    assert ParsedPrompt.parse("a hatchet on a log").with_noun("axe") == "an axe on a log"
    assert ParsedPrompt.parse("an old hatchet").with_noun("axe") == "an old axe"


def gray_and_white(white: float) -> GaussianCloud:
    cloud = shell(400)
    colors = np.full((400, 3), 0.45, np.float32)
    colors[: round(400 * white)] = 0.97
    return replace(cloud, sh0=((colors - 0.5) / SH_C0).astype(np.float32))


@pytest.mark.parametrize("name", NAMED_COLORS)
def test_a_cloud_can_be_recoloured_to_every_named_colour(name: str) -> None:
    assert dominant_color(recolor(gray_and_white(0.3), name)) == name


def test_only_the_dominant_colour_changes() -> None:
    cloud = gray_and_white(0.3)
    changed = recolor(cloud, "red")
    moved = np.abs(changed.sh0 - cloud.sh0).max(1) * SH_C0
    assert moved[:120].max() < 0.1 < moved[120:].min()
    assert np.array_equal(changed.means, cloud.means)


def test_shading_remains() -> None:
    cloud = gray_and_white(0.0)
    shades = np.linspace(0.8, 1.1, 400, dtype=np.float32)[:, None]
    shaded = replace(cloud, sh0=((0.45 * shades - 0.5) / SH_C0).repeat(3, 1).astype(np.float32))
    red = 0.5 + SH_C0 * recolor(shaded, "red").sh0[:, 0]
    assert (np.diff(red) > 0).all()
