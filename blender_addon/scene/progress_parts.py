"""Progress of work that is made of parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeVar

from ..contract.cloud import OnProgress

Item = TypeVar("Item")


def part_of(on_progress: OnProgress, start: float, size: float) -> OnProgress:
    """What a part reports to that begins at `start` of the whole and is `size` of it."""
    return lambda share: on_progress(start + share * size)


def each_with_progress(
    items: Collection[Item], on_progress: OnProgress
) -> Iterator[tuple[Item, OnProgress]]:
    """`items`, and what the work on each reports to; all take the same time."""
    for index, item in enumerate(items):
        yield item, part_of(on_progress, index / len(items), 1 / len(items))
