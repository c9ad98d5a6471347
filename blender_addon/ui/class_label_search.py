"""Search in an engine's class labels, of which there may be a thousand."""

from __future__ import annotations

from collections.abc import Sequence


def search_labels(labels: Sequence[str], text: str) -> list[str]:
    """The labels that contain all words of `text`, in any case; those that begin with it first."""
    typed = text.casefold().strip()
    words = typed.split()
    folded = [(label, label.casefold()) for label in labels]
    found = [pair for pair in folded if all(word in pair[1] for word in words)]
    return [label for label, _ in sorted(found, key=lambda pair: not pair[1].startswith(typed))]
