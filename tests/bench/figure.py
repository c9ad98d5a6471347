"""One measured number, as a benchmark hands it to the runner."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its unit and, where one is set, the most it should be.

    A benchmark is a module of this folder with a function `figures() -> Iterator[Figure]`.
    It runs in the backend's Python, or in Blender's where `__main__.IN_BLENDER` names it.
    """

    name: str
    value: float
    unit: str
    target: float | None = None

    def __str__(self) -> str:
        row = f"{self.name:<58} {self.value:>10.4g} {self.unit:<6}"
        if self.target is None:
            return row.rstrip()
        verdict = "reached" if self.value <= self.target else "MISSED"
        return f"{row} target {self.target:.4g} {verdict}"
