"""Titles in any script as names of files and folders."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from .problems import clean_text

MAX_FILE_NAME = 60
_JOINERS = "\u200c\u200d"  # which some scripts have inside words, and nobody sees


def file_name(title: str) -> str:
    """`title` as the name of a file or folder: letters of any script with their marks, digits,
    - and _.
    """
    kept = ""
    for character in unicodedata.normalize("NFC", title):
        if _is_mark(character):  # of a letter; emoji have marks as well
            kept += character if kept and kept[-1] != " " else ""
        elif character not in _JOINERS:
            kept += character if character.isalnum() or character == "_" else " "
    return _shortened("-".join(kept.split())).strip("-_") or "asset"


def path_title(path: Path) -> str:
    """The title of what a file holds: its name without suffix."""
    return composed(path.stem)


def composed(name: str) -> str:
    """A name as people read it: accents, which macOS keeps apart, joined to their letters."""
    return clean_text(unicodedata.normalize("NFC", name))


def distinct_names(names: Iterable[str]) -> list[str]:
    """`names`, equal ones numbered; judged as file names, so that no folder is shared."""
    taken: set[str] = set()
    distinct: list[str] = []
    for given in names:
        name, number = given, 2
        while file_name(name).casefold() in taken:
            name, number = f"{number} {given}", number + 1
        taken.add(file_name(name).casefold())
        distinct.append(name)
    return distinct


def _is_mark(character: str) -> bool:
    """Whether it belongs to the letter before it, as vowel signs and accents do."""
    return unicodedata.category(character).startswith("M")


def _shortened(name: str) -> str:
    end = MAX_FILE_NAME
    while 0 < end < len(name) and _is_mark(name[end]):
        end -= 1  # not between a letter and its marks
    return name[:end]
