"""Class labels: the one that a user means by a name or a number."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from .problems import NotFound

SUGGESTIONS = 5


def find_class_label(labels: Sequence[str], text: str) -> str:
    """The label called `text`, in any case, or of that number, counted from 0.

    Raises:
        NotFound: there is none; with the five nearest ones.
    """
    wanted = text.strip()
    if wanted in labels:
        return wanted
    by_folded_name = {label.casefold(): label for label in reversed(labels)}
    if found := by_folded_name.get(wanted.casefold()):
        return found
    if wanted.isdecimal():
        return _numbered(labels, int(wanted))
    nearest = get_close_matches(wanted.casefold(), by_folded_name, n=SUGGESTIONS, cutoff=0.0)
    names = ", ".join(by_folded_name[each] for each in nearest)
    raise NotFound(f"There is no class {wanted!r}.", f"The nearest are: {names}.")


def _numbered(labels: Sequence[str], number: int) -> str:
    if number < len(labels):
        return labels[number]
    raise NotFound(
        f"There is no class of the number {number:,}.", f"They run from 0 to {len(labels) - 1:,}."
    )
