"""Lines of text for labels, which do not wrap, in any script."""

from __future__ import annotations

import re
import unicodedata

# Between words in scripts with blanks; after any character in Chinese and Japanese.
_PIECES = re.compile(r"\s+|[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+")
_NOT_FIRST = frozenset("、。，．：；！？）」』】…ー")  # never at a line's beginning


def text_width(text: str) -> int:
    """In columns: Chinese and Japanese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrap_text(text: str, columns: int) -> list[str]:
    """`text` in lines of at most `columns`, but for words and signs that cannot stand apart."""
    lines: list[str] = []
    line = ""
    for piece in _PIECES.findall(text):
        is_full = text_width(line + piece.rstrip()) > columns
        if is_full and line.strip() and piece not in _NOT_FIRST:
            lines.append(line.strip())
            line = ""
        line += piece
    return [*lines, line.strip()] if line.strip() else lines
