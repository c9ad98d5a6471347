"""Prompts that were used before are offered again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import pytest

from blender_addon import api
from blender_addon.link.remembered_prompts import (
    MAX_CHARACTERS,
    MAX_PROMPTS,
    read_prompts,
    remember_prompt,
)
from blender_addon.link.settings import BackendSettings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "files ü" / "prompts.json"


def test_the_newest_comes_first_and_each_is_there_once(file: Path) -> None:
    for prompt in ("ein Stuhl", "a chair", "  ein\n Stuhl ", "", " "):
        remember_prompt(file, prompt)
    assert read_prompts(file) == ("ein Stuhl", "a chair")


def test_the_oldest_are_forgotten(file: Path) -> None:
    for number in range(MAX_PROMPTS + 3):
        remember_prompt(file, str(number))
    assert read_prompts(file) == tuple(str(n) for n in range(MAX_PROMPTS + 2, 2, -1))


def test_long_prompts_are_not_kept(file: Path) -> None:
    remember_prompt(file, MAX_CHARACTERS * "a")
    remember_prompt(file, (MAX_CHARACTERS + 1) * "b")
    assert read_prompts(file) == (MAX_CHARACTERS * "a",)


@pytest.mark.parametrize("text", ["", "{}", "[1, null]", "\x00"])
def test_a_damaged_file_is_replaced(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    assert read_prompts(file) == ()
    remember_prompt(file, "a chair")
    assert read_prompts(file) == ("a chair",)


def test_generate_remembers_prompts_until_they_are_cleared(registered: None) -> None:
    settings = bpy.context.scene.splatsmith
    for settings.prompt in ("a cube", "a small cube"):
        assert bpy.ops.splatsmith.generate() == {"FINISHED"}
        api.cancel(api.snapshot().jobs[0].key)
    assert bpy.ops.splatsmith.generate_variations() == {"FINISHED"}
    for job in api.snapshot().jobs:
        api.cancel(job.key)
    assert api.list_prompts() == ("a small cube", "a cube")
    assert bpy.ops.splatsmith.use_prompt(prompt="a cube") == {"FINISHED"}
    assert settings.prompt == "a cube"
    assert bpy.ops.splatsmith.forget_prompts() == {"FINISHED"}
    assert api.list_prompts() == () and settings.prompt == "a cube"
    assert bpy.ops.splatsmith.forget_prompts() == {"FINISHED"}, "there is no file any more"


def test_what_cannot_be_remembered_stops_nothing(
    session: None, backend_settings: BackendSettings, tmp_path: Path
) -> None:
    blocked = replace(backend_settings, folder=tmp_path)
    blocked.prompts.mkdir()  # a folder, which no file replaces
    with pytest.raises(OSError):
        remember_prompt(blocked.prompts, "a cube")
    api.configure(blocked)
    try:
        api.remember_prompt("a cube")
        assert api.list_prompts() == ()
    finally:
        api.configure(backend_settings)
