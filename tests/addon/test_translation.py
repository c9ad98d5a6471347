"""The interface in other languages."""

from __future__ import annotations

import string
from collections.abc import Iterable

import bpy
import pytest
from bpy.app.translations import contexts

from blender_addon.ui.text_wrapping import wrap_text
from blender_addon.ui.translation import TABLE, blender_dictionary, read_translations
from tests.addon.interface_texts import interface_texts

LANGUAGES = ("de_DE", "ja_JP", "zh_HANS")

pytestmark = pytest.mark.usefixtures("registered")


def placeholders(text: str) -> list[tuple[str, str, str]]:
    """The fields of a format, in their order."""
    fields = string.Formatter().parse(text)
    return [(name, spec or "", turn or "") for _, name, spec, turn in fields if name is not None]


def test_languages_are_those_that_blender_knows() -> None:
    assert tuple(read_translations()) == LANGUAGES
    known = bpy.app.translations.locales
    assert not known or set(LANGUAGES) <= set(known)


def listed(heading: str, texts: Iterable[str]) -> str:
    return "\n".join([f"{TABLE}: {heading}", *sorted(texts)])


def test_every_text_is_translated() -> None:
    texts = interface_texts()
    assert len(texts) > 400
    for language, words in read_translations().items():
        missing = texts - words.keys()
        if missing:
            pytest.fail(listed(f"these texts have no {language} row yet", missing), pytrace=False)


def test_no_translation_is_stale() -> None:
    texts = interface_texts()
    table = next(iter(read_translations().values()))
    stale = {text for text in table if any(c.isalpha() for c in text)} - texts
    if stale:
        pytest.fail(listed("nothing in the interface has these texts", stale), pytrace=False)


def test_placeholders_agree() -> None:
    for words in read_translations().values():
        for text, translated in words.items():
            assert placeholders(text) == placeholders(translated), text


def test_every_translation_says_something() -> None:
    for words in read_translations().values():
        assert not [text for text, translated in words.items() if not translated.strip()]


def test_blender_is_given_labels_and_other_texts() -> None:
    """Blender's module for Python has no languages: what it is given is looked at instead."""
    given = blender_dictionary(read_translations())
    assert tuple(given) == LANGUAGES
    for words in given.values():
        for text in ("Make Splats Native", "Waiting: {} jobs before it", "Delete Floaters"):
            translated = words[contexts.default, text]
            assert translated == words[contexts.operator_default, text] != text


def test_text_is_wrapped_in_any_script() -> None:
    assert wrap_text("one two three", 7) == ["one two", "three"]
    assert wrap_text("日本語の文章です。", 8) == ["日本語の", "文章です。"]
    assert wrap_text("3Dカーソルの位置", 8) == ["3Dカーソ", "ルの位置"]
    assert wrap_text("", 8) == []
