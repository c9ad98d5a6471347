"""Log-log line plots as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np

_WIDTH, _HEIGHT = 512, 380  # of one plot, margins included
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 144, 48, 48
_GREY, _FAINT = "#8a8f98", "#8a8f9840"
_STYLE = 'font-family="system-ui, sans-serif" font-size="12" fill="none" stroke-linecap="round"'
_SUFFIXES = ((1e6, "M"), (1e3, "k"), (1.0, ""))


@dataclass(frozen=True)
class Line:
    """Points (x, y), both above 0; dashed for reference lines."""

    name: str
    color: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True)
class Plot:
    title: str
    x_label: str
    lines: Sequence[Line]


def to_svg(plots: Sequence[Plot]) -> str:
    """An SVG file with the plots side by side."""
    width = _WIDTH * len(plots)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" {_STYLE}>',
        f'<rect width="{width}" height="{_HEIGHT}" fill="#ffffff" rx="8"/>',
    ]
    for i, plot in enumerate(plots):
        parts += [f'<g transform="translate({i * _WIDTH} 0)">', *_plot(plot), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _plot(plot: Plot) -> Iterator[str]:
    points = np.array([point for line in plot.lines for point in line.points])
    low, high = np.log10(points.min(axis=0)), np.log10(points.max(axis=0))
    low, high = np.floor(low * 2) / 2, np.ceil(high * 2) / 2
    area = np.array([_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM])

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (np.log10((x, y)) - low) / (high - low) * area
        return round(_LEFT + across, 1), round(_HEIGHT - _BOTTOM - up, 1)

    yield _text(_LEFT, 22, plot.title, "#1c1e21", weight=600)
    yield _text(_LEFT + area[0] / 2, _HEIGHT - 12, plot.x_label, _GREY, anchor="middle")
    yield _text(_LEFT - 8, _TOP - 8, "seconds", _GREY, anchor="end")
    for x in _ticks(10 ** low[0], 10 ** high[0]):
        left = place(x, 10 ** low[1])[0]
        yield f'<path d="M{left} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="{_FAINT}"/>'
        yield _text(left, _HEIGHT - _BOTTOM + 18, _abbreviate(x), _GREY, anchor="middle")
    for y in _ticks(10 ** low[1], 10 ** high[1]):
        top = place(10 ** low[0], y)[1]
        yield f'<path d="M{_LEFT} {top}H{_WIDTH - _RIGHT}" stroke="{_FAINT}"/>'
        yield _text(_LEFT - 8, top + 4, _abbreviate(y), _GREY, anchor="end")
    names = _spread([place(*line.points[-1])[1] for line in plot.lines])
    for line, height in zip(plot.lines, names, strict=True):
        corners = " ".join(f"{x},{y}" for x, y in (place(*point) for point in line.points))
        dashes = ' stroke-dasharray="5 5"' if line.dashed else ""
        yield f'<polyline points="{corners}" stroke="{line.color}" stroke-width="2"{dashes}/>'
        yield _text(_WIDTH - _RIGHT + 6, height + 4, line.name, line.color)


def _ticks(low: float, high: float) -> Iterator[float]:
    """Powers of ten within the range, its ends included."""
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    for exponent in range(first, last + 1):
        yield 10.0**exponent


def _spread(heights: Sequence[float], least: float = 14.0) -> list[float]:
    """Label heights moved down until no two are nearer than `least`."""
    moved = list(heights)
    order = sorted(range(len(moved)), key=moved.__getitem__)
    for above, below in zip(order, order[1:], strict=False):
        moved[below] = max(moved[below], moved[above] + least)
    return moved


def _abbreviate(value: float) -> str:
    unit, suffix = next(((u, s) for u, s in _SUFFIXES if value >= u), (1.0, ""))
    return f"{value / unit:g}{suffix}"


def _text(
    x: float, y: float, words: str, color: str, *, anchor: str = "start", weight: int = 400
) -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {place} fill="{color}">{escape(words)}</text>'
