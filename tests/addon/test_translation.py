"""The interface in other languages."""

from __future__ import annotations

import string
from collections.abc import Iterator

import bpy
import pytest

from blender_addon import ui
from blender_addon.ui.text_wrapping import wrap_text
from blender_addon.ui.translation import read_translations
from tests.addon.interface_texts import interface_texts

LANGUAGES = ("de_DE", "ja_JP", "zh_HANS")

pytestmark = pytest.mark.usefixtures("registered")


@pytest.fixture
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    """Blender's interface in this language, for one test."""
    view = bpy.context.preferences.view
    before = view.language
    if request.param not in bpy.app.translations.locales:
        pytest.skip("this Blender has no translations")
    view.language = request.param
    view.use_translate_interface = view.use_translate_tooltips = True
    yield request.param
    view.language = before


def placeholders(text: str) -> list[tuple[str, str, str]]:
    """The fields of a format, in their order."""
    fields = string.Formatter().parse(text)
    return [(name, spec or "", turn or "") for _, name, spec, turn in fields if name is not None]


def test_languages_are_those_that_blender_knows() -> None:
    assert tuple(read_translations()) == LANGUAGES
    known = bpy.app.translations.locales
    assert not known or set(LANGUAGES) <= set(known)


def test_every_text_is_translated() -> None:
    texts = interface_texts()
    assert len(texts) > 300
    missing = {
        language: sorted(texts - words.keys()) for language, words in read_translations().items()
    }
    assert not any(missing.values()), missing[LANGUAGES[0]]


def test_no_translation_is_stale() -> None:
    for words in read_translations().values():
        stale = {text for text in words if any(c.isalpha() for c in text)} - interface_texts()
        assert not stale


def test_placeholders_agree() -> None:
    for words in read_translations().values():
        for text, translated in words.items():
            assert placeholders(text) == placeholders(translated), text


def test_every_translation_says_something() -> None:
    for words in read_translations().values():
        assert not [text for text, translated in words.items() if not translated.strip()]


@pytest.mark.parametrize("language", LANGUAGES, indirect=True)
def test_blender_translates(language: str) -> None:
    words = read_translations()[language]
    lookup = bpy.app.translations.pgettext_iface
    for text in ("Make Splats Native", "Waiting: {} jobs before it", "Delete Floaters"):
        assert lookup(text) == lookup(text, "Operator") == words[text] != text


def test_nothing_stays_after_unregister() -> None:
    if "de_DE" not in bpy.app.translations.locales:
        pytest.skip("this Blender has no translations")
    bpy.context.preferences.view.language = "de_DE"
    ui.unregister()
    try:
        assert bpy.app.translations.pgettext_iface("Delete Floaters") == "Delete Floaters"
    finally:
        ui.register()
        bpy.context.preferences.view.language = "en_US"


def test_text_is_wrapped_in_any_script() -> None:
    assert wrap_text("one two three", 7) == ["one two", "three"]
    assert wrap_text("日本語の文章です。", 8) == ["日本語の", "文章です。"]
    assert wrap_text("3Dカーソルの位置", 8) == ["3Dカーソ", "ルの位置"]
    assert wrap_text("", 8) == []
