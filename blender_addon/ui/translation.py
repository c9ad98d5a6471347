"""The add-on's texts in other languages: a table for translators, given to Blender as it wants it.

`translations/texts.tsv` has a row for each text and a column for each language; a spreadsheet opens
it. Blender asks here only for what its own catalogs lack.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import bpy
from bpy.app.translations import contexts

TABLE = Path(__file__).resolve().parent.parent / "translations" / "texts.tsv"
DOMAIN = __package__.rpartition(".")[0]
# Operators' labels have a context of their own; the same text may be both.
CONTEXTS = (contexts.default, contexts.operator_default)

Translations = Mapping[str, Mapping[str, str]]


def read_translations(table: Path = TABLE) -> Translations:
    """The translations by language and English text.

    Raises:
        ValueError: a row has not as many columns as the first one.
    """
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    languages = rows[0][1:]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise ValueError(f"{table.name}, row {number}: expected {len(rows[0])} columns.")
    return {
        language: {row[0]: row[column] for row in rows[1:]}
        for column, language in enumerate(languages, start=1)
    }


def blender_dictionary(translations: Translations) -> dict[str, dict[tuple[str, str], str]]:
    """As `bpy.app.translations.register` takes them: by language, then by context and text."""
    return {
        language: {(each, text): words[text] for text in words for each in CONTEXTS}
        for language, words in translations.items()
    }


def register() -> None:
    bpy.app.translations.register(DOMAIN, blender_dictionary(read_translations()))


def unregister() -> None:
    bpy.app.translations.unregister(DOMAIN)
